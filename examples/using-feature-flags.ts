import middy from '@middy/core'
import { managed } from 'middy-managed-instances'
import { appConfig, parameters } from 'middy-managed-instances/parameters'

/** A flag as AppConfig delivers it: with its attributes while it is enabled. */
type Flag<Attributes = unknown> = { readonly enabled: false } | ({ readonly enabled: true } & Readonly<Attributes>)

interface Flags {
  readonly discount: Flag<{ percent: number; tenants: readonly string[] }>
  readonly giftWrap: Flag
}

/** Powertools for TypeScript has no feature flags: AppConfig has, and one session of it serves all workers. */
export const flags = appConfig<Flags>({
  application: 'shop',
  environment: 'production',
  profile: 'flags',
  transform: 'json',
  ttl: 30_000,
})

/** Prices an order by the flags of its tenant. All requests see one frozen document, and none half of the next one. */
export const handler = middy<{ tenant: string; price: number }, { price: number; giftWrap: boolean }>(managed())
  .use(parameters({ values: { flags } }))
  .handler(async ({ tenant, price }, { parameters }) => {
    const { discount, giftWrap } = parameters.flags
    const percent = discount.enabled && discount.tenants.includes(tenant) ? discount.percent : 0
    return { price: (price * (100 - percent)) / 100, giftWrap: giftWrap.enabled }
  })
