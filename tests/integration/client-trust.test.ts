import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, chmodSync, copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { TOTP } from 'otpauth'
import { startCuttingProxy } from '../support/cutting-proxy.ts'
import { startSshd } from '../support/other-servers.ts'
import { run, succeed, without } from '../support/run-client.ts'
import { MINIFTP, miniftp } from '../support/run-miniftp.ts'
import { startServer } from '../support/start-server.ts'

const server = await startServer()
after(() => server[Symbol.asyncDispose]())
const here = (name: string): string => join(server.folder, name)
const there = (name: string): string => join(server.home('ada'), name)
writeFileSync(here('f'), 'content')

/** A program that writes down what it is asked and says `answer`: for SSH_ASKPASS. */
function answering(answer: string): { readonly env: NodeJS.ProcessEnv; readonly asked: () => string } {
  const file = here(`asked-${answer}`)
  writeFileSync(here(`say-${answer}`), `#!/bin/sh\necho "$1" >> ${file}\necho ${answer}\n`)
  chmodSync(here(`say-${answer}`), 0o755)
  const env = { ...process.env, SSH_ASKPASS: here(`say-${answer}`), SSH_ASKPASS_REQUIRE: 'force' }
  return { env, asked: () => (existsSync(file) ? readFileSync(file, 'utf8') : '') }
}

test('client: an unknown host is asked for by its fingerprint, and a yes is remembered', async () => {
  const known = ['-o', `UserKnownHostsFile=${here('known')}`, '-o', 'StrictHostKeyChecking=ask']
  const no = answering('no')
  const yes = answering('yes')

  const refused = await miniftp(server, ['put', ...known, 'f', 'ftp:a'], { env: no.env })
  const trusted = await miniftp(server, ['put', ...known, 'f', 'ftp:b'], { env: yes.env })
  const again = await miniftp(server, ['put', ...known, 'f', 'ftp:c'], { env: no.env })

  assert.equal(refused.status, 1)
  assert.match(refused.stderr, /"127\.0\.0\.1:\d+" was not trusted/)
  assert.match(no.asked(), /is not known yet\. Its key is ed25519 SHA256:\S{43}/)
  assert.ok(!existsSync(there('a')))
  assert.deepEqual([trusted.status, again.status], [0, 0], trusted.stderr + again.stderr)
  assert.equal(no.asked().match(/not known yet/g)?.length, 1, 'nobody is asked for what is known')
})

test('client: a changed host key is refused whatever the strictness, with the line that disagrees', async () => {
  const other = 'AAAAC3NzaC1lZDI1NTE5AAAAIIBsdgL0tEZcXnSzbLDyVtfqUT4D4oBXPqbPVK8z3vTE'
  writeFileSync(here('changed'), `# a comment\n[127.0.0.1]:${server.port} ssh-ed25519 ${other}\n`)
  for (const strictness of ['ask', 'yes', 'accept-new', 'no']) {
    const words = ['-o', `UserKnownHostsFile=${here('changed')}`, '-o', `StrictHostKeyChecking=${strictness}`]

    const done = await miniftp(server, ['put', ...words, 'f', 'ftp:x'], { env: answering('yes').env })

    assert.equal(done.status, 1)
    assert.match(done.stderr, /has changed, now ed25519 SHA256:\S{43}\..*changed, line 2\)/)
    assert.ok(!existsSync(there('x')))
  }
})

/** Logs in and lists; `words` say how. Nothing of this machine's own is used. */
function listed(words: readonly string[], env: NodeJS.ProcessEnv = {}) {
  const way = ['-F', '/dev/null', '-P', String(server.port), '-o', 'StrictHostKeyChecking=accept-new']
  const known = ['-o', `UserKnownHostsFile=${here('ways')}`]
  return run(process.execPath, ['--no-warnings', MINIFTP, 'ls', ...way, ...known, ...words], {
    cwd: server.folder,
    env: {
      ...process.env,
      SSH_AUTH_SOCK: undefined,
      SSH_ASKPASS: undefined,
      MINIFTP_PASSWORD: undefined,
      ...env,
    },
  })
}

test('client: logs in by -i, by what -o names, by a key with a passphrase, by a password', async () => {
  writeFileSync(here('locked'), readFileSync(server.key), { mode: 0o600 })
  await succeed('ssh-keygen', ['-q', '-p', '-N', 'open-sesame', '-f', here('locked')])
  const place = 'ada@127.0.0.1:'
  const right = answering('open-sesame')
  const wrong = answering('close-sesame')
  const named = ['-o', 'HostName=127.0.0.1', '-o', 'User ada', '-o', `IdentityFile=${server.key}`]

  const byKey = await listed(['-i', server.key, place])
  const byName = await listed([...named, 'anywhere:'])
  const byPhrase = await listed(['-i', here('locked'), place], right.env)
  const noPhrase = await listed(['-i', here('locked'), place], wrong.env)
  const inBatch = await listed(['-i', here('locked'), '-o', 'BatchMode=yes', place], right.env)
  const byPassword = await listed(['-o', 'IdentityFile=none', place], { MINIFTP_PASSWORD: server.password })

  for (const done of [byKey, byName, byPhrase, byPassword]) assert.equal(done.status, 0, done.stderr)
  assert.equal(noPhrase.status, 1)
  assert.match(noPhrase.stderr, /The passphrase of ".*locked" was wrong/)
  assert.equal(wrong.asked().match(/Passphrase of/g)?.length, 3)
  assert.equal(inBatch.status, 1)
  assert.match(inBatch.stderr, /refused the login of "ada"/)
  assert.equal(right.asked().match(/\w+ of/g)?.length, 1, 'in a batch nobody is asked')
})

test('client: asks for a one-time code after a key or a password, and a wrong one is refused', async () => {
  const add = ['user', 'add', 'tess', '--password-stdin', '--key', `${server.key}.pub`]
  assert.equal((await server.console(add, server.password)).status, 0)
  const made = await server.console(['totp', 'add', 'tess', '--json'])
  const { secret } = JSON.parse(made.stdout) as { secret: string }
  const place = 'tess@127.0.0.1:'
  /** Each code is good once. */
  const code = (ahead: number): string =>
    new TOTP({ secret }).generate({ timestamp: Date.now() + ahead * 30_000 })
  const right = [answering(code(0)), answering(code(1))]
  const wrong = answering('no-code')

  const byKey = await listed(['-i', server.key, place], right[0]!.env)
  const byPassword = await listed(['-o', 'IdentityFile=none', place], {
    ...right[1]!.env,
    MINIFTP_PASSWORD: server.password,
  })
  const refused = await listed(['-i', server.key, place], wrong.env)
  const inBatch = await listed(['-i', server.key, '-o', 'BatchMode=yes', place], wrong.env)

  assert.deepEqual([byKey.status, byPassword.status], [0, 0], byKey.stderr + byPassword.stderr)
  for (const { asked } of right) assert.equal(asked(), 'One-time code: \n')
  assert.deepEqual([refused.status, inBatch.status], [1, 1])
  assert.match(refused.stderr, /refused the login of "tess"/)
  assert.equal(wrong.asked(), 'One-time code: \n'.repeat(3), 'in a batch nobody is asked')
})

test('client: logs in by an agent, unless it is told to leave it', {
  skip: without('ssh-agent'),
}, async () => {
  const socket = here('agent')
  const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: ['ignore', 'pipe', 'ignore'] })
  await once(agent.stdout, 'data')
  try {
    const env = { SSH_AUTH_SOCK: socket }
    await succeed('ssh-add', ['-q', server.key], { env: { ...process.env, ...env } })
    const place = 'ada@127.0.0.1:'
    const none = ['-o', 'IdentityFile=none']

    const by = await listed([...none, place], env)
    const named = await listed([...none, '-o', `IdentityAgent=${socket}`, place])
    const left = await listed([...none, '-o', 'IdentityAgent=none', '-o', 'BatchMode=yes', place], env)

    for (const done of [by, named]) assert.equal(done.status, 0, done.stderr)
    assert.equal(left.status, 1)

    // Keys that the agent has are named by what is there of them: one whose passphrase nobody is asked for, or its public half.
    const other = here('other')
    await succeed('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', other])
    copyFileSync(server.key, here('shut'))
    copyFileSync(`${server.key}.pub`, here('shut.pub'))
    await succeed('ssh-keygen', ['-q', '-p', '-N', 'open-sesame', '-f', here('shut')])
    const batch = ['-o', 'BatchMode=yes']
    const only = (file: string) => [...batch, '-o', 'IdentitiesOnly=yes', '-o', `IdentityFile=${file}`, place]

    const shut = await listed(['-i', here('shut'), ...batch, place], env)
    const half = await listed(only(`${server.key}.pub`), env)
    const others = await listed(only(other), env)

    for (const done of [shut, half]) assert.equal(done.status, 0, done.stderr)
    assert.equal(others.status, 1, 'what was not named is not tried')
  } finally {
    agent.kill()
  }
})

test('client: goes over the hosts that ProxyJump names, each of them known', {
  skip: without('sshd'),
}, async () => {
  await using hop = await startSshd({ shell: true })
  await using proxy = await startCuttingProxy(hop.port)
  const config = here('jump_config')
  const hopKey = readFileSync(join(hop.folder, 'host.pub'), 'utf8')
  writeFileSync(here('hop_known'), `[127.0.0.1]:${proxy.port} ${hopKey}`)
  const user = /User (\S+)/.exec(readFileSync(hop.sshConfig, 'utf8'))![1]
  const hopLines = (known: string): string =>
    `Host hop\n  HostName 127.0.0.1\n  Port ${proxy.port}\n  User ${user}\n  IdentityFile ${join(hop.folder, 'key')}\n  UserKnownHostsFile ${known}\n`
  const plain = readFileSync(server.sshConfig, 'utf8').replace(/^Host .*\n/m, '$&  ProxyJump hop\n')
  writeFileSync(config, plain)
  appendFileSync(config, `\n${hopLines(here('hop_known'))}`)
  writeFileSync(here('jump_unknown'), `${plain}\n${hopLines('/dev/null')}  GlobalKnownHostsFile /dev/null\n`)

  const done = await miniftp({ ...server, sshConfig: config }, ['put', 'f', 'ftp:over-hop'])
  proxy.cutAfter([500])
  const cut = await miniftp({ ...server, sshConfig: config }, ['put', '--retry-for', '0ms', 'f', 'ftp:cut'])
  const unknown = await miniftp({ ...server, sshConfig: here('jump_unknown') }, ['put', 'f', 'ftp:unknown'])
  writeFileSync(
    here('jump_shut'),
    `${plain.replace(/^( *Port) \d+/m, '$1 1')}\n${hopLines(here('hop_known'))}`,
  )
  const shut = await miniftp({ ...server, sshConfig: here('jump_shut') }, ['put', 'f', 'ftp:shut'])

  assert.equal(done.status, 0, done.stderr)
  assert.equal(readFileSync(there('over-hop'), 'utf8'), 'content')
  assert.deepEqual([cut.status, proxy.cuts], [1, 1], 'it goes by the hop and no other way')
  assert.equal(unknown.status, 1)
  assert.match(unknown.stderr, new RegExp(`"127.0.0.1:${proxy.port}" is not known`))
  assert.ok(!existsSync(there('unknown')))
  assert.equal(shut.status, 1)
  assert.match(shut.stderr, /refused/)
})

test('client: settings, hosts and keys in a FIFO are told, and what a shell hands over is read', async () => {
  const fifo = here('fifo')
  await succeed('mkfifo', [fifo])
  const place = 'ada@127.0.0.1:'
  const port = ['-P', String(server.port)]

  const settings = await miniftp(server, ['ls', '-F', fifo, 'ftp:'])
  const hosts = await miniftp(server, ['ls', '-o', `UserKnownHostsFile=${fifo}`, 'ftp:'])
  const key = await listed(['-i', fifo, '-i', server.key, place])
  const line = `"${process.execPath}" --no-warnings "${MINIFTP}" ls -F <(cat "${server.sshConfig}") ${port.join(' ')} ftp:`
  const handed = await run('bash', ['-c', line])

  assert.equal(settings.status, 1)
  assert.match(settings.stderr, /The settings in ".*fifo" cannot be read \(no regular file\)/)
  assert.equal(hosts.status, 1)
  assert.match(hosts.stderr, /The known hosts in ".*fifo" cannot be read \(no regular file\)/)
  assert.equal(key.status, 0, key.stderr)
  assert.match(key.stderr, /The key ".*fifo" cannot be read \(no regular file\)/)
  assert.equal(handed.status, 0, handed.stderr)
})
