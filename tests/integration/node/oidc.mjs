// SPDX-License-Identifier: Apache-2.0
// A certified OpenID provider (npm oidc-provider) with what tests want to do to
// it: new keys, no answers, other vendors' claims, a count of what it was asked.
//
//   node oidc.mjs       says {"issuer": …} on stdout when it listens
//   POST /test/rotate   signs with a new key; ?keep=1 still shows the old one
//   POST /test/stop     answers nothing any more but /test; /test/start: again
//   POST /test/sign     {header, claims} signed with the present key
//   GET  /test/counts   {"discovery": n, "jwks": n}
import { exportJWK, generateKeyPair, importJWK, SignJWT } from 'jose'
import { text } from 'node:stream/consumers'
import http from 'node:http'
import { Provider } from 'oidc-provider'

const RESOURCE = 'https://llm.example/v1'
const counts = { discovery: 0, jwks: 0 }
let number = 0
let stopped = false
let keys = []
let handler

async function makeKey () {
  const { privateKey } = await generateKeyPair('ES256', { extractable: true })
  const jwk = await exportJWK(privateKey)
  return { ...jwk, kid: `key-${++number}`, alg: 'ES256', use: 'sig' }
}

function makeProvider (issuer) {
  const provider = new Provider(issuer, {
    jwks: { keys },
    clients: ['ann', 'bob'].map(name => ({
      client_id: name,
      client_secret: `${name}-secret-0123456789abcdef0123456789`,
      grant_types: ['client_credentials'],
      id_token_signed_response_alg: 'ES256',
      redirect_uris: [],
      response_types: []
    })),
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => RESOURCE,
        getResourceServerInfo: (ctx, resource) => ({
          scope: 'chat admin',
          audience: resource,
          accessTokenTTL: 600,
          accessTokenFormat: 'jwt',
          jwt: { sign: { alg: 'ES256' } }
        })
      }
    },
    extraTokenClaims: (ctx, token) => ({
      realm_access: { roles: token.clientId === 'bob' ? ['llm-admins'] : ['llm-users'] },
      groups: ['research'],
      tid: 'acme'
    })
  })
  provider.on('server_error', (ctx, error) => console.error(error))
  return provider.callback()
}

const server = http.createServer(async (request, answer) => {
  const url = new URL(request.url, issuer)
  const say = value => answer.end(JSON.stringify(value))
  if (url.pathname === '/test/counts') return say(counts)
  if (url.pathname === '/test/stop' || url.pathname === '/test/start') {
    stopped = url.pathname === '/test/stop'
    return say({ stopped })
  }
  if (url.pathname === '/test/rotate') {
    keys = [await makeKey(), ...(url.searchParams.get('keep') ? keys : [])]
    handler = makeProvider(issuer)
    return say({ kid: keys[0].kid })
  }
  if (url.pathname === '/test/sign') {
    const { header, claims } = JSON.parse(await text(request))
    const key = await importJWK(keys[0], 'ES256')
    const full = { alg: 'ES256', kid: keys[0].kid, ...header }
    return say({ token: await new SignJWT(claims).setProtectedHeader(full).sign(key) })
  }
  if (url.pathname === '/.well-known/openid-configuration') counts.discovery++
  if (url.pathname === '/jwks') counts.jwks++
  if (stopped) return request.socket.destroy()
  return handler(request, answer)
})

await new Promise(resolve => server.listen(0, '127.0.0.1', resolve))
const issuer = `http://127.0.0.1:${server.address().port}`
keys = [await makeKey()]
handler = makeProvider(issuer)
console.log(JSON.stringify({ issuer }))
