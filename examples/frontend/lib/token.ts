import { authClient } from '@/lib/auth-client'

/** Undefined where nobody is signed in. */
export async function fetchToken(): Promise<string | undefined> {
  const { data, error } = await authClient.token()
  if (error !== null && error.status !== 401) throw new Error('The token could not be fetched.')
  return data?.token
}
