// node-oidc-provider for bench/peers: signs what authsvc signs (RS256 access tokens of a resource), rotates refresh tokens.
// Prints one line of JSON when it listens. DATABASE: where its adapter keeps everything; without, its own memory.
import { createServer } from 'node:http'
import { generateKeyPairSync } from 'node:crypto'
import Provider from 'oidc-provider'
import pg from 'pg'

const resource = 'https://orders.example.com'
const port = Number(process.env.PORT)
const pool = process.env.DATABASE ? new pg.Pool({ connectionString: process.env.DATABASE, max: 10 }) : null

class Table {
  constructor (model) { this.model = model }

  async upsert (id, payload, seconds) {
    await pool.query({
      name: 'upsert',
      text: `INSERT INTO oidc (model, id, payload, grant_id, uid, user_code, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, now() + $7 * interval '1 second')
             ON CONFLICT (model, id) DO UPDATE SET payload = excluded.payload, expires_at = excluded.expires_at`,
      values: [this.model, id, payload, payload.grantId, payload.uid, payload.userCode, seconds]
    })
  }

  async #one (column, value) {
    const { rows: [row] } = await pool.query({
      name: column,
      text: `SELECT payload, consumed FROM oidc WHERE model = $1 AND ${column} = $2 AND expires_at > now()`,
      values: [this.model, value]
    })
    return row && { ...row.payload, ...(row.consumed ? { consumed: true } : {}) }
  }

  find (id) { return this.#one('id', id) }
  findByUid (uid) { return this.#one('uid', uid) }
  findByUserCode (code) { return this.#one('user_code', code) }

  async consume (id) {
    await pool.query({ name: 'consume', text: 'UPDATE oidc SET consumed = true WHERE model = $1 AND id = $2', values: [this.model, id] })
  }

  async destroy (id) {
    await pool.query({ name: 'destroy', text: 'DELETE FROM oidc WHERE model = $1 AND id = $2', values: [this.model, id] })
  }

  async revokeByGrantId (id) {
    await pool.query({ name: 'revoke', text: 'DELETE FROM oidc WHERE grant_id = $1', values: [id] })
  }
}

if (pool) {
  await pool.query(`CREATE TABLE IF NOT EXISTS oidc (
    model text, id text, payload jsonb NOT NULL, grant_id text, uid text, user_code text, expires_at timestamptz,
    consumed boolean NOT NULL DEFAULT false, PRIMARY KEY (model, id)) WITH (fillfactor = 70)`)
  await pool.query('CREATE INDEX IF NOT EXISTS oidc_grant ON oidc (grant_id)')
}
const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
const provider = new Provider(`http://localhost:${port}`, {
  ...(pool ? { adapter: Table } : {}),
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), use: 'sig', alg: 'RS256', kid: 'bench' }] },
  clients: [
    { client_id: 'backend', client_secret: 'backend-secret', grant_types: ['client_credentials'], response_types: [], redirect_uris: [] },
    {
      client_id: 'customer', token_endpoint_auth_method: 'none', application_type: 'native',
      grant_types: ['authorization_code', 'refresh_token'], response_types: ['code'], redirect_uris: ['http://127.0.0.1/callback']
    }
  ],
  scopes: ['openid', 'offline_access', 'api'],
  rotateRefreshToken: true,
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    introspection: { enabled: true, allowedPolicy: () => true },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => resource,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({ scope: 'api', audience: resource, accessTokenTTL: 900, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } } })
    }
  }
})

const client = await provider.Client.find('customer')
async function made (model, count) {
  const tokens = []
  for (let number = 0; number < count; number++) {
    const grant = new provider.Grant({ accountId: 'somebody', clientId: 'customer' })
    grant.addResourceScope(resource, 'api')
    grant.addOIDCScope('offline_access')
    const given = { accountId: 'somebody', client, grantId: await grant.save(), gty: 'authorization_code', authTime: 1, sessionUid: 'x', expiresWithSession: false }
    const extra = model === 'RefreshToken' ? { scope: 'offline_access api', resource, rotations: 0 } : { scope: 'api' }
    tokens.push(await new provider[model]({ ...given, ...extra }).save())
  }
  return tokens
}
const tokens = { refresh: await made('RefreshToken', Number(process.env.CHAINS)), access: await made('AccessToken', 16) }
const listening = createServer(provider.callback())
listening.listen(port, '127.0.0.1', () => console.log(JSON.stringify(tokens)))
process.once('SIGTERM', () => process.exit(0))
