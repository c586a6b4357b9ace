import type { ProblemCode } from '#lib/http/errors'

/**
 * What each error means and what to do about it. The API document and the page `/docs/errors` show
 * these texts.
 */
export const problemTexts: Record<ProblemCode, string> = {
  malformed_json:
    'The body could not be read as JSON in UTF-8, or it is empty where an object is expected. Check how the request is serialised.',
  malformed_request:
    'The connection did not carry an HTTP request that can be read. Check what sends it.',
  malformed_header:
    'If-Match and If-None-Match take * or a list of quoted tags; Idempotency-Key takes 1 to 255 visible characters.',
  malformed_path:
    'A percent sign in the path is not followed by the code of a character. Encode it as %25.',
  credentials_missing: 'Send the header Authorization: Bearer <token>. Sign in first.',
  token_invalid:
    'The token is forged, damaged, not yet valid, from another issuer, or no JWT; detail says which. Get a new one.',
  token_expired: 'The token was good once. Get a new one and send the request again.',
  account_unknown: 'The token is good, but its account has been deleted. Sign out.',
  other_user:
    'The path names another user than the token. Use your own id, or /api/tasks, which needs none.',
  task_not_found:
    'You have no task with this id: it was deleted, never existed, or belongs to somebody else. The answer is the same for all of these.',
  path_not_found: 'The API has nothing at this path. Compare it with the paths of this document.',
  method_not_allowed:
    'The path exists without this method. The Allow header lists those that it has.',
  request_timeout: 'The request began and did not arrive in time. Send it again.',
  precondition_failed:
    'The task or list has changed since the version in If-Match, or is still in that of If-None-Match. Read it again, apply your change to what you find, and send its new ETag.',
  body_too_large: 'A body may have 64 KiB.',
  unsupported_media_type:
    'Send bodies with Content-Type: application/json, and without Content-Encoding.',
  validation_failed:
    'The request can be read, but its values are not allowed. The list errors names each of them and what is wrong with it.',
  idempotency_key_reused:
    'A task with other contents was created under this Idempotency-Key. Use a new key for each new task.',
  rate_limited:
    'You have used up the requests that RateLimit-Policy names. Wait for Retry-After seconds; RateLimit tells with every answer how many are left.',
  headers_too_large: 'All headers together may have 16 KiB.',
  internal_error:
    'The fault is ours and has been logged under the request id in instance. Try again later.',
  database_unavailable:
    'Nothing is wrong with the request. Send it again after Retry-After seconds; where detail says that a change may have been made, read first. A search that took too long can be narrowed by completed, or by a smaller limit.',
  keys_unavailable:
    'The keys that verify the token cannot be fetched. Stay signed in, and send the request again after Retry-After seconds.',
  not_ready:
    'The service is starting or stopping, or its database is not as it must be. Send no traffic until /health/ready answers 200.',
  overloaded: 'Too many requests wait already. Send it again after Retry-After seconds.',
}
