import { headers } from 'next/headers'
import { Suspense } from 'react'
import { SignIn } from '@/app/sign-in'
import { Tasks } from '@/app/tasks'
import { auth } from '@/lib/auth'

/** With `cacheComponents`, Next builds no page that waits for a request outside of a `Suspense`. */
export default function Page() {
  return (
    <Suspense>
      <Home />
    </Suspense>
  )
}

async function Home() {
  const session = await auth.api.getSession({ headers: await headers() })
  if (session === null) return <SignIn />
  return <Tasks key={session.user.id} name={session.user.name} />
}
