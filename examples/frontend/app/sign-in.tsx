'use client'

import { useRouter } from 'next/navigation'
import { type FormEvent, useState } from 'react'
import { forgetToken } from '@/lib/api'
import { authClient } from '@/lib/auth-client'

/** Signs people in, or up. The page then has a session, and shows the tasks. */
export function SignIn() {
  const router = useRouter()
  const [isNew, setIsNew] = useState(false)
  const [isBusy, setIsBusy] = useState(false)
  const [error, setError] = useState('')

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault()
    const form = new FormData(event.currentTarget)
    const [name, email, password] = ['name', 'email', 'password'].map((key) =>
      String(form.get(key)),
    )
    setError('')
    setIsBusy(true)
    const answer = isNew
      ? await authClient.signUp.email({ name, email, password })
      : await authClient.signIn.email({ email, password })
    setIsBusy(false)
    if (answer.error !== null) return setError(answer.error.message ?? 'It did not work.')
    forgetToken()
    router.refresh()
  }

  function change() {
    setIsNew(!isNew)
    setError('')
  }

  return (
    <main className="narrow">
      <h1>{isNew ? 'Create an account' : 'Sign in'}</h1>
      <form onSubmit={submit} className="card fields" aria-busy={isBusy}>
        {isNew && (
          <label>
            Name
            <input name="name" autoComplete="name" required />
          </label>
        )}
        <label>
          Email
          <input name="email" type="email" autoComplete="email" required />
        </label>
        <label>
          Password
          <input
            name="password"
            type="password"
            autoComplete={isNew ? 'new-password' : 'current-password'}
            minLength={8}
            required
          />
        </label>
        <div role="alert">{error}</div>
        <button type="submit" className="primary" disabled={isBusy}>
          {isNew ? 'Create the account' : 'Sign in'}
        </button>
      </form>
      <p>
        {isNew ? 'You have an account?' : 'You are new here?'}{' '}
        <button type="button" className="link" onClick={change}>
          {isNew ? 'Sign in' : 'Create an account'}
        </button>
      </p>
    </main>
  )
}
