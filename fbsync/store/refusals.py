"""What an S3 server refuses, as an error of ours that says what to do."""

from botocore.exceptions import BotoCoreError, ClientError, SSLError

from fbsync.errors import StoreRefused, StoreUnavailable

_KEYS = "Check SPACES_ACCESS_KEY and SPACES_SECRET_KEY, and that they may read and write there."
_REGION = "Mend SPACES_REGION, which must be the bucket's own, or SPACES_ENDPOINT."
_REDIRECTED = f"A new bucket may need a few minutes. Else: {_REGION[0].lower()}{_REGION[1:]}"
_SLOW = "Too many requests for this bucket; fbsync slows down by itself, so try again in a minute."
_CLOCK = "This machine's clock is wrong; set it."
_QUOTA = "The account's storage quota is used up; raise it or make room."
_BYTES = "The bytes were altered on their way; see what stands between here and the server."
_PASSES = "This usually passes; try again in a minute."
_UNKNOWN = (
    "It does not pass by itself: see the server's documentation for it, and whether SPACES_ENDPOINT"
    " is an S3 server's."
)
_ADVICE = {
    "InvalidAccessKeyId": _KEYS,
    "SignatureDoesNotMatch": _KEYS,
    "AccessDenied": _KEYS,
    "403": _KEYS,  # a HEAD has no body that could say more
    "AuthorizationHeaderMalformed": _REGION,
    "PermanentRedirect": _REGION,
    "TemporaryRedirect": _REDIRECTED,
    "IllegalLocationConstraintException": _REGION,
    "301": _REGION,
    "307": _REDIRECTED,
    "RequestTimeTooSkewed": _CLOCK,
    "RequestExpired": _CLOCK,
    "SlowDown": _SLOW,
    "503": _SLOW,
    "TooManyRequests": _SLOW,
    "429": _SLOW,
    "QuotaExceeded": _QUOTA,
    "BadDigest": _BYTES,
    "InvalidDigest": _BYTES,
    "RequestTimeout": _PASSES,
    "408": _PASSES,
    "OperationAborted": _PASSES,
    "ConditionalRequestConflict": _PASSES,
    "409": _PASSES,
    "PreconditionFailed": _PASSES,  # where what was in the way is gone by now
    "412": _PASSES,
}
"""By S3's error code (S3, "Error responses"; what Ceph's gateway sends is in its sources)."""

_LASTING = frozenset({_KEYS, _REGION, _CLOCK, _QUOTA, _UNKNOWN})
"""What to do about refusals that do not pass by themselves."""

_NOT_IMPLEMENTED = 501


class Refusals:
    """Speaks of one bucket at one endpoint."""

    def __init__(self, bucket: str, endpoint: str) -> None:
        self._bucket = bucket
        self._endpoint = endpoint

    def explain(self, error: BotoCoreError | ClientError) -> StoreUnavailable:
        """The server's own message is left out: it may repeat the key and the signature."""
        if isinstance(error, ClientError):
            return self._refused(code_of(error), status_of(error))
        told = f"No answer from {self._where}: {type(error).__name__}.\n{_advice_of_silence(error)}"
        return StoreRefused(told) if isinstance(error, SSLError) else StoreUnavailable(told)

    def no_bucket(self) -> StoreUnavailable:
        """For an answer that cannot say it, as it has no body."""
        return self._refused("NoSuchBucket", 404)

    @property
    def _where(self) -> str:
        return f"the bucket {self._bucket} at {self._endpoint}"

    def _refused(self, code: str, status: int) -> StoreUnavailable:
        advice = self._advice(code, status)
        told = f"Refused by {self._where}: {code}.\n{advice}"
        is_lasting = code == "NoSuchBucket" or advice in _LASTING
        return StoreRefused(told) if is_lasting else StoreUnavailable(told)

    def other_bytes(self, key: str) -> StoreUnavailable:
        """After a put, the server holds something else."""
        return StoreUnavailable(
            f"{self._endpoint} stored other bytes than were sent for {key}.\n"
            "Try again; if it stays, check what stands between here and the server."
        )

    def left_out(self, what: str) -> StoreUnavailable:
        """An answer lacks what every S3 server tells."""
        return StoreUnavailable(
            f"The answer of {self._where} has no {what}.\n"
            "Check whether SPACES_ENDPOINT is an S3 server's, and what stands between here and it."
        )

    def _advice(self, code: str, status: int) -> str:
        if code == "NoSuchBucket":
            return (
                f"Mend SPACES_BUCKET or SPACES_REGION, or create it: aws s3api create-bucket"
                f" --bucket {self._bucket} --endpoint-url {self._endpoint}"
            )
        passes = status == 429 or (status >= 500 and status != _NOT_IMPLEMENTED)
        return _ADVICE.get(code, _PASSES if passes else _UNKNOWN)


def code_of(error: ClientError) -> str:
    """S3's error code; the HTTP status as text where the answer had no body."""
    return str(error.response["Error"]["Code"])


def status_of(error: ClientError) -> int:
    """The HTTP status; 0 where it is not known."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def may_be_of_the_condition(error: BotoCoreError | ClientError) -> bool:
    """Whether a create may have been refused for its `If-None-Match` alone, which a put lacks.

    Servers without conditional writes answer 501 NotImplemented, or 400 with a code of their own.
    """
    if not isinstance(error, ClientError) or code_of(error) in _ADVICE:
        return False
    return status_of(error) in (400, _NOT_IMPLEMENTED)


def _advice_of_silence(error: BotoCoreError) -> str:
    if isinstance(error, SSLError):
        return "Its certificate is not trusted here; for one of your own, set SPACES_CA_FILE."
    return "Check the network, SPACES_REGION and SPACES_ENDPOINT."
