"""What S3 servers refuse, as sentences that say what to do."""

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, SSLError

from fbsync.errors import StoreRefused
from fbsync.store.refusals import Refusals, code_of, may_be_of_the_condition, status_of

REFUSALS = Refusals("my-bucket", "https://nyc3.digitaloceanspaces.com")


def client_error(code: str, status: int = 400) -> ClientError:
    answer = {
        "Error": {"Code": code, "Message": "the key AKIA and its signature"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return ClientError(answer, "PutObject")  # type: ignore[arg-type]  # a part of an answer


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("InvalidAccessKeyId", "SPACES_ACCESS_KEY"),
        ("SignatureDoesNotMatch", "SPACES_SECRET_KEY"),
        ("AccessDenied", "may read and write"),
        ("403", "SPACES_SECRET_KEY"),
        ("AuthorizationHeaderMalformed", "SPACES_REGION"),
        ("PermanentRedirect", "SPACES_REGION"),
        ("IllegalLocationConstraintException", "SPACES_ENDPOINT"),
        ("RequestTimeTooSkewed", "clock"),
        ("SlowDown", "Too many requests"),
        ("503", "Too many requests"),
        ("QuotaExceeded", "quota"),
        ("BadDigest", "altered on their way"),
    ],
)
def test_each_refusal_says_what_to_do_and_nothing_of_the_servers_words(
    code: str, told: str
) -> None:
    refused = str(REFUSALS.explain(client_error(code)))
    assert told in refused
    assert f"my-bucket at https://nyc3.digitaloceanspaces.com: {code}." in refused
    assert "AKIA" not in refused
    assert len(refused.splitlines()) == 2


@pytest.mark.parametrize(
    ("status", "code", "passes"),
    [
        *((status, "Odd", True) for status in (429, 500, 502, 507)),
        *((status, "Odd", False) for status in (308, 400, 405, 422, 501)),
        (400, "RequestTimeout", True),
        (408, "408", True),
        (409, "OperationAborted", True),
        (412, "PreconditionFailed", True),
    ],
)
def test_only_what_a_later_try_may_mend_is_said_to_pass(
    status: int, code: str, passes: bool
) -> None:
    refused = REFUSALS.explain(client_error(code, status))
    assert f": {code}.\n" in str(refused)
    assert ("usually passes" in str(refused)) is passes
    assert ("does not pass by itself" in str(refused)) is not passes
    assert isinstance(refused, StoreRefused) is not passes


@pytest.mark.parametrize(
    ("status", "code", "may_be"),
    [
        (501, "NotImplemented", True),
        (501, "501", True),
        (400, "InvalidArgument", True),
        (400, "400", True),
        (400, "BadDigest", False),
        (400, "RequestTimeout", False),
        (403, "AccessDenied", False),
        (500, "InternalError", False),
    ],
)
def test_a_condition_may_be_refused_by_what_says_no_other_reason(
    status: int, code: str, may_be: bool
) -> None:
    assert may_be_of_the_condition(client_error(code, status)) is may_be


def test_no_answer_refuses_no_condition() -> None:
    assert not may_be_of_the_condition(ConnectTimeoutError(endpoint_url="https://x"))


@pytest.mark.parametrize(
    ("code", "lasts"),
    [
        *((code, True) for code in ("InvalidAccessKeyId", "AccessDenied", "403", "NoSuchBucket")),
        *((code, True) for code in ("PermanentRedirect", "RequestTimeTooSkewed", "QuotaExceeded")),
        *((code, False) for code in ("SlowDown", "503", "TemporaryRedirect")),
        ("BadDigest", False),
    ],
)
def test_a_refusal_that_does_not_pass_by_itself_is_told_from_others(code: str, lasts: bool) -> None:
    assert isinstance(REFUSALS.explain(client_error(code)), StoreRefused) is lasts


def test_a_certificate_does_not_mend_itself_but_a_network_may() -> None:
    distrusted = SSLError(endpoint_url="https://x", error=OSError("self-signed"))
    assert isinstance(REFUSALS.explain(distrusted), StoreRefused)
    silent = ConnectTimeoutError(endpoint_url="https://x")
    assert not isinstance(REFUSALS.explain(silent), StoreRefused)


def test_a_missing_bucket_comes_with_the_command_that_makes_it() -> None:
    assert (
        "aws s3api create-bucket --bucket my-bucket"
        " --endpoint-url https://nyc3.digitaloceanspaces.com"
    ) in str(REFUSALS.explain(client_error("NoSuchBucket", 404)))


def test_no_answer_names_the_network() -> None:
    silent = ConnectTimeoutError(endpoint_url="https://x")
    assert "Check the network" in str(REFUSALS.explain(silent))


def test_code_and_status_are_read_from_the_answer() -> None:
    error = client_error("NoSuchKey", 404)
    assert (code_of(error), status_of(error)) == ("NoSuchKey", 404)
