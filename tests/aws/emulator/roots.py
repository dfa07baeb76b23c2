"""The outermost element of S3's answers: moto names it after the operation, and the SDK of Rust takes only AWS's own name."""

from __future__ import annotations

import re

from wire import Answer, Call

# From the Smithy model of S3 (`xmlName` of the outputs), which botocore's model leaves out.
ROOTS = {
    "CompleteMultipartUpload": "CompleteMultipartUploadResult",
    "CopyObject": "CopyObjectResult",
    "CreateMultipartUpload": "InitiateMultipartUploadResult",
    "DeleteObjects": "DeleteResult",
    "GetBucketAcl": "AccessControlPolicy",
    "GetBucketEncryption": "ServerSideEncryptionConfiguration",
    "GetBucketLifecycleConfiguration": "LifecycleConfiguration",
    "GetBucketLocation": "LocationConstraint",
    "GetBucketOwnershipControls": "OwnershipControls",
    "GetBucketTagging": "Tagging",
    "GetBucketVersioning": "VersioningConfiguration",
    "GetObjectTagging": "Tagging",
    "GetPublicAccessBlock": "PublicAccessBlockConfiguration",
    "ListBuckets": "ListAllMyBucketsResult",
    "ListObjectVersions": "ListVersionsResult",
    "ListObjects": "ListBucketResult",
    "ListObjectsV2": "ListBucketResult",
    "ListParts": "ListPartsResult",
}
OUTERMOST = re.compile(rb"\A(\s*(?:<\?xml[^>]*\?>)?\s*)<([A-Za-z]+)")


def rooted(call: Call, answer: Answer) -> Answer:
    wanted = ROOTS.get(call.operation) if call.service == "s3" else None
    found = OUTERMOST.match(answer.body)
    if wanted is None or answer.status >= 300 or found is None or found[2] == wanted.encode():
        return answer
    name, body = found[2], answer.body
    body = found[1] + b"<" + wanted.encode() + body[found.end():]
    body = re.sub(rb"</" + name + rb">\s*\Z", b"</" + wanted.encode() + b">", body)
    headers = {key: value for key, value in answer.headers.items() if key.lower() != "content-length"}
    return Answer(answer.status, headers, body)
