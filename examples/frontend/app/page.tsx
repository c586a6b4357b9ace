import { headers } from 'next/headers'
import { SignIn } from '@/app/sign-in'
import { Tasks } from '@/app/tasks'
import { auth } from '@/lib/auth'

export default async function Page() {
  const session = await auth.api.getSession({ headers: await headers() })
  if (session === null) return <SignIn />
  return <Tasks key={session.user.id} name={session.user.name} />
}
