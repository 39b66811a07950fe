"""One item of a batch, as it goes over the wire."""

from urllib.parse import parse_qs, urlsplit

from fbsync.graph.read import Read, appsecret_proof

# Computed independently of this program, with the secret "secret".
PROOF = "61b5257ec5c5a53e992ae4d93afa0975e1f1be671788f65a476b0689ad5d5dd5"


def test_the_proof_is_metas() -> None:
    assert appsecret_proof("EAAtoken", "secret") == PROOF


def test_token_and_proof_go_with_the_parameters() -> None:
    parts = urlsplit(Read("me/accounts", "EAAtoken", {"fields": "id,name"}).relative_url("secret"))
    assert parts.path == "me/accounts"
    assert parse_qs(parts.query) == {
        "fields": ["id,name"],
        "access_token": ["EAAtoken"],
        "appsecret_proof": [PROOF],
    }
