import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { OpError } from '../base/error.ts'
import { type Dialed, dial, type Peer, type PeerConfig } from '../ssh/dial.ts'
import { type LogIn, logIn, publicKeyOf } from '../ssh/log-in.ts'
import { errnoOf } from '../vfs/errno.ts'
import { readConfig } from './config-files.ts'
import { checkHost, type Strictness } from './host-check.ts'
import { openKnownHosts } from './known-hosts.ts'
import { ownFile } from './own-file.ts'
import { expandFile, type HostSettings, settingsFor, unserved } from './ssh-config.ts'
import { parsePort, parseTarget, type Target } from './target.ts'

const PATIENCE_MS = 20_000
const DEFAULT_KEYS = ['~/.ssh/id_ed25519', '~/.ssh/id_ecdsa', '~/.ssh/id_rsa']
/** Hosts that one may jump over. */
const MOST_JUMPS = 8

/** Who is asked, and what this machine tells. */
export interface Surroundings {
  readonly home: string
  /** Who runs this, for a server where no other name was said. */
  readonly user: string
  /** SSH_AUTH_SOCK. */
  readonly agent?: string | undefined
  readonly ask: (question: string, echo: boolean) => Promise<string | undefined>
  readonly confirm: ((question: string) => Promise<boolean>) | undefined
  readonly tell: (text: string) => void
}

export interface ConnectWishes {
  readonly password?: string | undefined
  /** Key files, before all others (-i). */
  readonly keys?: readonly string[]
  readonly passphrase?: string | undefined
  /** As after -o. */
  readonly options?: readonly string[]
  /** Instead of ~/.ssh/config (-F). */
  readonly config?: string | undefined
  readonly dataPath?: 'fast' | 'plain' | undefined
}

/** Makes connections to one host, again and again if it must be. */
export interface Dialer {
  readonly host: string
  readonly port: number
  readonly user: string
  dial(signal?: AbortSignal): Promise<Dialed>
}

/** Puts together what was said, what ~/.ssh/config says and what is usual. EUSAGE, EACCES. */
export async function dialerFor(
  target: Target,
  wishes: ConnectWishes,
  around: Surroundings,
): Promise<Dialer> {
  for (const option of unserved(wishes.options)) around.tell(`-o "${option}" has no effect here`)
  return dialerOver(target, wishes, around, MOST_JUMPS)
}

async function dialerOver(
  target: Target,
  wishes: ConnectWishes,
  everybody: Surroundings,
  jumps: number,
): Promise<Dialer> {
  const { home } = everybody
  const lines = await readConfig(
    wishes.config ?? join(home, '.ssh/config'),
    home,
    wishes.config !== undefined,
  )
  const localUser = everybody.user
  const settings = settingsFor({ ...target, localUser }, lines, wishes.options, (criterion) =>
    everybody.tell(
      `"Match ${criterion}" is not served here: its settings of "${target.host}" are passed over`,
    ),
  )
  const around =
    settings.get('BatchMode')?.toLowerCase() === 'yes'
      ? { ...everybody, ask: async () => undefined, confirm: undefined }
      : everybody
  const host = (settings.get('HostName') ?? target.host).replaceAll('%h', target.host)
  const said = settings.get('Port')
  const port = target.port ?? (said === undefined ? 22 : parsePort(said))
  const user = target.user ?? settings.get('User') ?? around.user
  const tokens = { host, port, user, localUser }
  const file = (name: string): string => expandFile(name, tokens, home)
  const files = (keyword: string, usual: readonly string[]): string[] =>
    (settings.words(keyword) ?? usual).map(file).filter((name) => name !== '/dev/null' && name !== 'none')
  const known = await openKnownHosts(
    files('UserKnownHostsFile', ['~/.ssh/known_hosts', '~/.ssh/known_hosts2']),
    {
      global: files('GlobalKnownHostsFile', ['/etc/ssh/ssh_known_hosts']),
      hashes: settings.get('HashKnownHosts')?.toLowerCase() === 'yes',
    },
  )
  const login = logInFor(user, settings, wishes, around, file)
  const alias = settings.get('HostKeyAlias')
  const parts = { known, strictness: strictnessOf(settings), confirm: around.confirm, tell: around.tell }
  const jump = jumpOf(settings)
  const over = jump === undefined ? undefined : await jumpDialer(jump, wishes, around, jumps)

  return {
    host,
    port,
    user,
    async dial(signal) {
      const first = await over?.dial(signal)
      try {
        const through: Duplex | undefined = await first?.tunnel(host, port)
        const dialed = await dialThere({
          host,
          port,
          user,
          patienceMs: patienceOf(settings),
          hostKeyTypes: known.types(alias ?? host, alias === undefined ? port : 22),
          checkHost: (blob) => checkHost(alias ?? host, alias === undefined ? port : 22, blob, parts),
          login: login.handler(),
          through,
          dataPath: wishes.dataPath,
          signal,
        })
        dialed.closed.then(() => first?.cut())
        return dialed
      } catch (error) {
        first?.cut()
        throw error
      }
    },
  }
}

/**
 * ssh2-sftp-client makes the connection and keeps its count of it. Its own SFTP session, ssh2's, is not opened:
 * ours are, on channels of their own (docs/adr/0016).
 */
async function dialThere(options: Parameters<typeof dial>[2]): Promise<Dialed> {
  const made = new SftpClient('miniftp', { error() {}, end() {}, close() {} })
  Object.defineProperty(made.client, 'sftp', {
    value: (done: (error: undefined, sftp: object) => void) => done(undefined, {}),
  })
  return dial(made.client, (config) => made.connect(config), options)
}

const SftpClient = createRequire(import.meta.url)('ssh2-sftp-client') as new (
  name: string,
  listeners: Readonly<Record<'error' | 'end' | 'close', () => void>>,
) => {
  readonly client: Peer
  connect(config: PeerConfig): Promise<unknown>
}

function logInFor(
  user: string,
  settings: HostSettings,
  { password, keys = [], passphrase }: ConnectWishes,
  { agent, ask, tell }: Surroundings,
  file: (name: string) => string,
): LogIn {
  const only = settings.get('IdentitiesOnly')?.toLowerCase() === 'yes'
  const named = [...keys, ...settings.all('IdentityFile')]
  const wantedKeys = named.length > 0 ? named : DEFAULT_KEYS
  const wanted = settings.get('IdentityAgent')
  const socket =
    wanted === undefined || wanted === 'SSH_AUTH_SOCK' ? agent : wanted === 'none' ? undefined : file(wanted)
  return logIn({
    user,
    password,
    agent: socket,
    // Keys that were named are tried alone: an agent with many would use up the tries.
    agentKeys:
      only || keys.length > 0
        ? async () =>
            (await Promise.all(wantedKeys.map((name) => publicKeyNear(file(name))))).flatMap(
              (key) => key ?? [],
            )
        : undefined,
    keys: wantedKeys.map((name) => ({
      name,
      passphrase,
      read: () => keyFile(file(name), keys.includes(name), tell),
    })),
    ask,
    tell,
  })
}

/** The public key of a key file: what lies beside it, or what it is itself, or holds without a passphrase. */
async function publicKeyNear(name: string): Promise<Buffer | undefined> {
  for (const near of [`${name}.pub`, name]) {
    const key = await ownFile(near).then(publicKeyOf, () => undefined)
    if (key !== undefined) return key
  }
  return undefined
}

async function keyFile(
  name: string,
  wanted: boolean,
  tell: (text: string) => void,
): Promise<Buffer | undefined> {
  try {
    return await ownFile(name)
  } catch (error) {
    if (wanted) tell(`The key "${name}" cannot be read (${errnoOf(error) ?? 'unknown'})`)
    return undefined
  }
}

function patienceOf(settings: HostSettings): number {
  const said = settings.get('ConnectTimeout')
  if (said === undefined || said.toLowerCase() === 'none') return PATIENCE_MS
  if (/^[1-9]\d{0,5}$/.test(said)) return Number(said) * 1000
  throw new OpError('EUSAGE', `ConnectTimeout is "${said}": write a number of seconds`)
}

function strictnessOf(settings: HostSettings): Strictness {
  const said = settings.get('StrictHostKeyChecking')?.toLowerCase() ?? 'ask'
  if (said === 'ask' || said === 'yes' || said === 'accept-new' || said === 'no') return said
  if (said === 'off') return 'no'
  throw new OpError('EUSAGE', `StrictHostKeyChecking is "${said}": write ask, yes, accept-new or no`)
}

function jumpOf(settings: HostSettings): string | undefined {
  const said = settings.get('ProxyJump')
  if (said !== undefined) return said.toLowerCase() === 'none' ? undefined : said
  const command = settings.get('ProxyCommand')
  if (command === undefined || command.toLowerCase() === 'none') return undefined
  throw new OpError('ENOTSUP', 'ProxyCommand is not served here: use ProxyJump, or -o ProxyCommand=none')
}

/** The last of the hosts in the list is the one next to the target; those before lead to it. */
async function jumpDialer(
  list: string,
  wishes: ConnectWishes,
  around: Surroundings,
  jumps: number,
): Promise<Dialer> {
  if (jumps === 0)
    throw new OpError('EINVAL', 'ProxyJump leads over too many hosts: look for a ring in ~/.ssh/config')
  const hosts = list.split(',')
  const last = hosts.pop()!.trim()
  const options = hosts.length === 0 ? [] : [`ProxyJump=${hosts.join(',')}`]
  // The password was said for the target alone.
  const { config, keys } = wishes
  return dialerOver(
    parseTarget(last),
    { ...(config !== undefined && { config }), ...(keys && { keys }), options },
    around,
    jumps - 1,
  )
}
