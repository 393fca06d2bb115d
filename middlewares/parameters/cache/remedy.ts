const nameOf = (error: unknown): string => (error instanceof Error ? error.name : '')

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

const remedies: readonly (readonly [applies: (error: unknown) => boolean, remedy: string])[] = [
  [
    (error) => nameOf(error) === 'CredentialsProviderError' || /could not load credentials/i.test(messageOf(error)),
    "Give the function's role, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
  ],
  [(error) => /region is missing/i.test(messageOf(error)), 'Set AWS_REGION, or pass a client that has a region.'],
  [
    (error) => /^AccessDenied|NotAuthorized/.test(nameOf(error)),
    "Allow the function's role to read it, and to decrypt it with its key.",
  ],
  [(error) => /is not installed/.test(messageOf(error)), ''],
  [
    (error) => /Throttl|TooManyRequests|LimitExceeded/.test(nameOf(error)),
    'Raise the quota, or a longer ttl makes fewer calls.',
  ],
]

/** What to do about a failed fetch. */
export const remedyFor = (error: unknown): string =>
  remedies.find(([applies]) => applies(error))?.[1] ??
  'Look at the cause, and give a longer staleIfError to be served old values for longer.'
