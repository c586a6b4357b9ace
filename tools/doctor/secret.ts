import { env } from '#lib/config/env'
import { hasEdges, withoutEdges } from '#lib/config/env-values'

/**
 * Why a signature is not one with our secret, and what to do. Quotes and white space at the ends of
 * a secret count, so the spelling without them is tried too.
 *
 * @param isSignedBy whether the signature is one with this secret
 */
export function explainSignature(isSignedBy: (secret: string) => boolean) {
  const secret = env().BETTER_AUTH_SECRET
  if (hasEdges(secret) && isSignedBy(withoutEdges(secret))) {
    return {
      found: 'with our BETTER_AUTH_SECRET without the quotes or white space at its ends',
      remedy:
        "BETTER_AUTH_SECRET=<the same without them>. docker's --env-file keeps quotes, and a mounted file its line break.",
    }
  }
  return {
    found: 'with another secret than our BETTER_AUTH_SECRET',
    remedy:
      'BETTER_AUTH_SECRET=<the one of your frontend>. The loaders of .env files expand a $ in it: write \\$. With BETTER_AUTH_SECRETS the first entry counts.',
  }
}
