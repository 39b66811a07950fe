"""From a code to a long-lived token, and what is learned of it."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from fbsync.errors import CallRefused, GraphUnavailable, TokenRefused
from fbsync.graph.call import GraphConnection
from fbsync.graph.oauth import OAuth, TokenFacts
from fbsync.graph.permissions import Permissions
from fbsync.page import PageId, UserToken
from fbsync.sandbox.switches import CONFIG_ID
from tests.graph_wire import APP, Meta, error, item
from tests.instant import NO_PATIENCE
from tests.servers import REDIRECT, SCOPES, Sandbox

ANNA = {"id": "77", "name": "Anna"}
PERSON = UserToken("77", "Anna", "EAAuser")
GRANTED = {"data": [{"permission": "pages_show_list", "status": "granted"}]}
FACTS = {"data": {"type": "USER", "is_valid": True, "expires_at": 1_900_000_000}}
TOLD = [item(ANNA), item(GRANTED), item(FACTS)]


def facts_of(
    kind: str, end: datetime | None, data_end: datetime | None, chosen: frozenset[PageId]
) -> TokenFacts:
    return TokenFacts(kind, frozenset({"email"}), end, data_end, chosen)


@pytest.fixture
def oauth(connection: GraphConnection) -> OAuth:
    return OAuth(connection)


class TestExchange:
    def test_a_code_becomes_a_long_token_and_what_facebook_says_of_it(
        self, oauth: OAuth, meta: Meta
    ) -> None:
        meta.answer_posts(
            "oauth/access_token",
            {"access_token": "EAAshort", "expires_in": 3600},
            {"access_token": "EAAuser", "expires_in": 5184000},
        )
        meta.answer_reads([item(FACTS)], TOLD)
        session = oauth.log_in("login-code", "http://localhost:3000/facebook/callback")
        user = session.user
        assert (user.user_id, user.name, user.token) == ("77", "Anna", "EAAuser")
        assert user.expires_at == datetime.fromtimestamp(1_900_000_000, UTC)
        assert (user.data_access_expires_at, user.scopes) == (None, ("pages_show_list",))
        app = {"client_id": APP, "client_secret": "the-secret"}
        back = "http://localhost:3000/facebook/callback"
        assert meta.forms[0] == {**app, "code": "login-code", "redirect_uri": back}
        assert meta.forms[2] == {
            **app,
            "grant_type": "fb_exchange_token",
            "fb_exchange_token": "EAAshort",
        }

    def test_where_debug_token_fails_the_end_comes_from_the_exchange_and_the_login_goes_on(
        self, oauth: OAuth, meta: Meta
    ) -> None:
        long = {"access_token": "EAAuser", "expires_in": 5184000}
        meta.answer_posts("oauth/access_token", {"access_token": "EAAshort"}, long)
        refused = item(error(100), 400)
        meta.answer_reads([refused], [item(ANNA), refused, refused])
        before = datetime.now(UTC)
        session = oauth.log_in("login-code", "http://localhost/")
        assert session.user.expires_at is not None
        assert before <= session.user.expires_at - timedelta(seconds=5184000) <= datetime.now(UTC)
        assert isinstance(session.facts, CallRefused)
        assert isinstance(session.permissions, CallRefused)
        assert session.user.scopes == ()

    @pytest.mark.parametrize("lifetime", [{}, {"expires_in": 0}, {"expires_in": "soon"}])
    def test_a_token_without_a_named_end_has_none(
        self, oauth: OAuth, meta: Meta, lifetime: dict[str, object]
    ) -> None:
        long = {"access_token": "EAAuser", **lifetime}
        meta.answer_posts("oauth/access_token", {"access_token": "EAAshort"}, long)
        refused = item(error(100), 400)
        meta.answer_reads([refused], [item({"id": "77"}), item(GRANTED), refused])
        user = oauth.log_in("login-code", "http://localhost/").user
        assert (user.name, user.expires_at) == ("", None)

    @pytest.mark.parametrize(
        ("exchanges", "me"),
        [
            ([{}], None),
            ([{"access_token": ""}], None),
            ([{"access_token": "EAAshort"}, {"access_token": None}], None),
            ([{"access_token": "EAAshort"}, {"access_token": "EAAuser"}], {"name": "Anna"}),
        ],
    )
    def test_a_login_without_a_token_or_an_id_in_the_answer_is_a_failure(
        self, oauth: OAuth, meta: Meta, exchanges: list[dict[str, object]], me: object
    ) -> None:
        meta.answer_posts("oauth/access_token", *exchanges)
        if exchanges[0].get("access_token"):
            reads = [[item(FACTS)], [item(me), item(GRANTED), item(FACTS)]]
            meta.answer_reads(*reads[: 2 if me else 1])
        with pytest.raises(GraphUnavailable, match="holds no"):
            oauth.log_in("login-code", "http://localhost/")

    def test_a_code_that_was_used_before_is_refused_without_a_second_call(
        self, oauth: OAuth, meta: Meta
    ) -> None:
        meta.answer_posts("oauth/access_token", error(100), status=400)
        with pytest.raises(CallRefused, match="It failed"):
            oauth.log_in("login-code", "http://localhost/")
        assert len(meta.requests) == 1

    def test_a_person_who_cannot_be_read_is_a_failure(self, oauth: OAuth, meta: Meta) -> None:
        tokens = [{"access_token": "EAAshort"}, {"access_token": "EAAuser"}]
        meta.answer_posts("oauth/access_token", *tokens)
        meta.answer_reads([item(FACTS)], [item(error(190), 400), item(GRANTED), item(FACTS)])
        with pytest.raises(TokenRefused):
            oauth.log_in("login-code", "http://localhost/")


class TestFacts:
    @pytest.mark.parametrize(
        ("facts", "expected"),
        [
            ({}, facts_of("", None, None, frozenset())),
            (
                {"expires_at": 0, "data_access_expires_at": 0},
                facts_of("", None, None, frozenset()),
            ),
            (
                {"type": "USER", "data_access_expires_at": 1_800_000_000},
                facts_of("USER", None, datetime.fromtimestamp(1_800_000_000, UTC), frozenset()),
            ),
            ({"expires_at": "soon"}, facts_of("", None, None, frozenset())),
            ({"expires_at": 1 << 60}, facts_of("", None, None, frozenset())),
            ({"granular_scopes": "all"}, facts_of("", None, None, frozenset())),
            (
                {
                    "granular_scopes": [
                        {"scope": "pages_show_list", "target_ids": ["1", "2"]},
                        {"scope": "pages_manage_metadata", "target_ids": [2, "3", "no id"]},
                        {"scope": "pages_read_engagement"},
                        {"scope": "business_management", "target_ids": ["99"]},
                        "public_profile",
                    ]
                },
                facts_of("", None, None, frozenset(map(PageId, "123"))),
            ),
        ],
    )
    def test_every_shape_of_debug_token_is_understood(
        self, oauth: OAuth, meta: Meta, facts: dict[str, object], expected: TokenFacts
    ) -> None:
        tokens = [{"access_token": "EAAshort"}, {"access_token": "EAAuser"}]
        meta.answer_posts("oauth/access_token", *tokens)
        told = item({"data": {"is_valid": True, "scopes": ["email"]} | facts})
        meta.answer_reads([item(FACTS)], [item(ANNA), item(GRANTED), told])
        assert oauth.log_in("login-code", "http://localhost/").facts == expected

    @pytest.mark.parametrize("body", [{}, {"data": []}, {"data": {"is_valid": False}}])
    def test_a_token_that_facebook_calls_invalid_has_no_facts(
        self, oauth: OAuth, meta: Meta, body: object
    ) -> None:
        tokens = [{"access_token": "EAAshort"}, {"access_token": "EAAuser"}]
        meta.answer_posts("oauth/access_token", *tokens)
        meta.answer_reads([item(FACTS)], [item(ANNA), item(GRANTED), item(body)])
        facts = oauth.log_in("login-code", "http://localhost/").facts
        assert isinstance(facts, GraphUnavailable)


class TestOnTheSandbox:
    @pytest.fixture
    def real(self, sandbox: Sandbox) -> Iterator[OAuth]:
        with GraphConnection(
            url=sandbox.url,
            version="v26.0",
            app_id=sandbox.world.app_id,
            app_secret=sandbox.world.app_secret,
            patience=NO_PATIENCE,
        ) as connection:
            yield OAuth(connection)

    def test_a_login_knows_its_permissions_pages_and_ends(
        self, real: OAuth, sandbox: Sandbox
    ) -> None:
        form = {"shown": "1", "grant": "pages_show_list", "page": "200000000000002"}
        session = real.log_in(sandbox.code(**form), REDIRECT)
        assert session.permissions == Permissions(
            granted=frozenset({"public_profile", "pages_show_list"}),
            declined=frozenset({"pages_manage_metadata", "pages_read_engagement"}),
        )
        assert isinstance(session.facts, TokenFacts)
        assert session.facts.chosen == {"200000000000002"}
        now = datetime.now(UTC)
        ends = (session.user.expires_at, session.user.data_access_expires_at)
        assert [round((end - now) / timedelta(days=1)) for end in ends if end] == [60, 90]

    def test_the_token_of_a_system_user_is_kept_as_it_came(
        self, real: OAuth, sandbox: Sandbox
    ) -> None:
        sandbox.world.switches.system_user_tokens = True
        session = real.log_in(sandbox.code("", {"config_id": CONFIG_ID}), REDIRECT)
        assert session.user.expires_at is None
        assert isinstance(session.facts, TokenFacts)
        assert session.facts.kind == "SYSTEM_USER"
        assert session.permissions == Permissions(frozenset({*SCOPES.split(","), "public_profile"}))
        assert len(sandbox.world.logins) == 1


def test_a_revocation_is_a_success_or_an_error(oauth: OAuth, meta: Meta) -> None:
    meta.answer_reads(
        [item({"success": True})], [item({"success": False})], [item(error(190), 400)]
    )
    oauth.revoke(PERSON)
    with pytest.raises(GraphUnavailable, match="did not revoke"):
        oauth.revoke(PERSON)
    with pytest.raises(TokenRefused):
        oauth.revoke(PERSON)
    assert [node for ((node, _),) in meta.reads] == ["me/permissions"] * 3
