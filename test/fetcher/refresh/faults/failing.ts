import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ExitReason } from '../../../../contract/exit-codes.ts';
import { startTcpProxy, type TcpFault } from '../../../support/fault-proxy.ts';
import {
	deleteSecret,
	mountKv,
	must,
	putSecret,
	writePolicy,
	writeRole,
} from '../../../support/openbao-setup.ts';
import {
	json,
	type Script,
	type ScriptedAnswer,
	startScriptedVault,
} from '../../../support/scripted-vault.ts';
import { makeAuthority } from '../../../support/tls.ts';
import { startReal } from '../../support/backends.ts';
import type { World, WorldOptions } from '../support/world.ts';

/** Ends what was brought about. */
type Heal = () => Promise<void>;

/** A fault that makes each check fail until it is healed. The files stay as they are. */
export interface FailingCase {
	/** As the table in the documentation says it. */
	readonly what: string;
	readonly reason: ExitReason;
	/** Matches the warning. */
	readonly message: RegExp;
	/** Brings it about in a world whose sidecar has not started yet. OTHER was changed before. */
	readonly bring: (world: World) => Promise<Heal>;
	readonly options?: WorldOptions;
	/** A Vault of its own, with its data on disk. */
	readonly own?: true;
	readonly env?: Readonly<Record<string, string>>;
	/** The files after it is healed. */
	readonly after?: Readonly<Record<string, string>>;
}

/** Vault’s address leads to a faulty network. */
const network =
	(fault: TcpFault) =>
	async (world: World): Promise<Heal> => {
		const real = Number(new URL(world.vault.addr).port);
		const proxy = await startTcpProxy(real);
		proxy.setFault(() => fault);
		await world.address.lead(proxy.port);
		return async () => {
			await world.address.lead(real);
			await proxy[Symbol.asyncDispose]();
		};
	};

/** Vault’s address leads to a proxy that answers by a script, with this certificate. */
const proxied =
	(script: Script, certificate?: Parameters<World['ground']['authority']['issue']>[0]) =>
	async (world: World): Promise<Heal> => {
		const { vault, ground, address } = world;
		const tls = await ground.authority.issue(certificate);
		const proxy = await startScriptedVault({ upstream: vault, tls, script });
		await address.lead(proxy.port);
		return async () => {
			await address.lead(Number(new URL(vault.addr).port));
			await proxy[Symbol.asyncDispose]();
		};
	};

const everything = (answer: ScriptedAnswer) => proxied(() => answer);
const reads = (answer: ScriptedAnswer) =>
	proxied(({ path }) => (path.includes('/data/') ? answer : undefined));

const JSON_TYPE = { 'content-type': 'application/json' };
const BIG = Buffer.alloc(1 << 20, 0x61);

const NETWORK: readonly FailingCase[] = [
	{
		what: 'nothing listens at Vault’s address',
		reason: 'unreachable',
		message: /nothing listens there \(connection refused\)/,
		bring: async ({ address, vault }) => {
			await address.close();
			return () => address.lead(Number(new URL(vault.addr).port));
		},
	},
	{
		what: 'Vault’s address swallows everything',
		reason: 'unreachable',
		message: /no TLS handshake within|no complete answer within/,
		bring: network({ kind: 'silent', after: 0 }),
	},
	{
		what: 'Vault sends one byte a second',
		reason: 'unreachable',
		message: /no complete answer within|no TLS handshake within|was reset/,
		bring: network({ kind: 'trickle', after: 0, everyMs: 1_000 }),
	},
	{
		what: 'connections are reset in the handshake',
		reason: 'unreachable',
		message: /was reset \(ECONNRESET\)/,
		bring: network({ kind: 'reset', after: 100 }),
	},
	{
		what: 'the certificate is for another name',
		reason: 'tls',
		message: /its certificate is for other names/,
		bring: proxied(() => undefined, { names: ['vault.example.com'] }),
	},
	{
		what: 'the certificate has expired, or the clock is ahead',
		reason: 'tls',
		message: /has expired \(the clock here says/,
		bring: proxied(() => undefined, { expired: true }),
	},
	{
		what: 'the certificate is of an unknown CA',
		reason: 'tls',
		message: /ENVTIER_VAULT_CA must hold the CA that issued it/,
		bring: async (world) => {
			const stranger = {
				...world,
				ground: { ...world.ground, authority: await makeAuthority('Another CA') },
			};
			return await proxied(() => undefined)(stranger);
		},
	},
];

const ANSWERS: readonly FailingCase[] = [
	{
		what: 'Vault answers 500',
		reason: 'unreachable',
		message: /has an error \(500: internal error\)/,
		bring: everything(json(500, { errors: ['internal error'] })),
	},
	{
		what: 'a load balancer answers 502 in HTML',
		reason: 'unreachable',
		message: /has an error \(502\)/,
		bring: everything({ status: 502, headers: { 'content-type': 'text/html' }, body: '<h1>' }),
	},
	{
		what: 'Vault answers 429',
		reason: 'unreachable',
		message: /asks for fewer requests \(429: rate limit\)/,
		bring: everything(json(429, { errors: ['rate limit'] })),
	},
	{
		what: 'HTML comes instead of JSON',
		reason: 'bad-answer',
		message: /text\/html instead of JSON/,
		bring: everything({ status: 200, headers: { 'content-type': 'text/html' }, body: '<html>' }),
	},
	{
		what: 'an answer is cut off',
		reason: 'bad-answer',
		message: /JSON that is cut off or malformed/,
		bring: reads({ status: 200, headers: JSON_TYPE, body: '{"data":{"data":{"value":"x' }),
	},
	{
		what: 'an answer is larger than 8 MiB',
		reason: 'bad-answer',
		message: /an answer is larger than 8 MiB/,
		bring: reads({ status: 200, headers: JSON_TYPE, body: BIG, repeat: 100 }),
	},
	{
		what: 'an answer never ends',
		reason: 'unreachable',
		message: /no complete answer within/,
		bring: reads({ status: 200, headers: JSON_TYPE, body: '{', open: true }),
	},
];

const VAULT: readonly FailingCase[] = [
	{
		what: 'Vault is sealed',
		own: true,
		reason: 'sealed',
		message: /is sealed or not init/,
		bring: async ({ vault }) => {
			await vault.seal();
			return async () => void (await vault.unseal());
		},
	},
	{
		what: 'Vault is killed and comes back',
		own: true,
		reason: 'unreachable',
		message: /nothing listens there|was reset/,
		bring: async ({ vault }) => {
			await vault.kill();
			return () => vault.start();
		},
	},
	{
		what: 'the policy of the role is taken away',
		reason: 'read-refused',
		message: /Vault refuses to list the deployment tier of .*What to do: .*policy/,
		bring: async ({ vault, name, policy }) => {
			await writePolicy(vault, name, 'path "nowhere" { capabilities = ["read"] }');
			return () => writePolicy(vault, name, policy);
		},
	},
	{
		what: 'the role is deleted, and the token revoked',
		reason: 'login-refused',
		message: /role/,
		bring: async (world) => {
			const { vault, name, role } = world;
			await must(vault, 'DELETE', `auth/jwt/role/${name}`);
			await must(vault, 'POST', 'auth/token/revoke', { body: { token: world.state().token?.value } });
			return () => writeRole(vault, 'jwt', name, role);
		},
	},
	{
		what: 'the auth mount is disabled, and with it the token',
		own: true,
		reason: 'login-refused',
		message: /jwt/,
		bring: async ({ vault, name, role }) => {
			const config = (await must(vault, 'GET', 'auth/jwt/config')) as {
				data: { jwt_validation_pubkeys: string[] };
			};
			await must(vault, 'DELETE', 'sys/auth/jwt');
			return async () => {
				await must(vault, 'POST', 'sys/auth/jwt', { body: { type: 'jwt' } });
				const { jwt_validation_pubkeys } = config.data;
				await must(vault, 'POST', 'auth/jwt/config', { body: { jwt_validation_pubkeys } });
				await writeRole(vault, 'jwt', name, role);
			};
		},
	},
	{
		what: 'the KV mount is disabled',
		own: true,
		reason: 'bad-answer',
		message: /kept/,
		options: { mount: 'kept' },
		bring: async ({ vault, path }) => {
			await must(vault, 'DELETE', 'sys/mounts/kept');
			return async () => {
				await mountKv(vault, 'kept', 2);
				const place = { mount: 'kept' };
				await putSecret(vault, path('LEVEL'), 'service-1', place);
				await putSecret(vault, path('OTHER'), 'other-2', place);
			};
		},
	},
	{
		what: 'a required key is deleted',
		reason: 'required-missing',
		message: /none of the tiers read \(deployment, service\) has OTHER/,
		env: { ENVTIER_REQUIRE: 'OTHER' },
		bring: async ({ vault, path, put }) => {
			await deleteSecret(vault, path('OTHER'));
			return () => put('OTHER', 'other-3');
		},
		after: { LEVEL: 'service-1', OTHER: 'other-3' },
	},
	{
		what: 'a value cannot be written in a format (a NUL)',
		reason: 'secret-unusable',
		message: /OTHER/,
		bring: async ({ put }) => {
			await put('OTHER', 'nul \0');
			return () => put('OTHER', 'other-3');
		},
		after: { LEVEL: 'service-1', OTHER: 'other-3' },
	},
	{
		what: 'a value becomes empty',
		reason: 'secret-unusable',
		message: /OTHER/,
		bring: async ({ vault, path, put }) => {
			await putSecret(vault, path('OTHER'), '');
			return () => put('OTHER', 'other-3');
		},
		after: { LEVEL: 'service-1', OTHER: 'other-3' },
	},
	{
		what: 'a key appears that makes programs run code',
		reason: 'code-variable',
		message: /LD_PRELOAD/,
		bring: async ({ vault, path, put }) => {
			await put('LD_PRELOAD', '/tmp/x.so');
			return () => deleteSecret(vault, path('LD_PRELOAD'));
		},
	},
];

const POD: readonly FailingCase[] = [
	{
		what: 'the service account’s token is not there when a login is due',
		reason: 'settings',
		message: /the file that ENVTIER_TOKEN_FILE names does not exist/,
		bring: async (world) => {
			const { pod, vault } = world;
			await must(vault, 'POST', 'auth/token/revoke', { body: { token: world.state().token?.value } });
			renameSync(pod.tokenFile, `${pod.tokenFile}.away`);
			return () => Promise.resolve(renameSync(`${pod.tokenFile}.away`, pod.tokenFile));
		},
	},
	{
		what: 'something in the volume has the name of a file',
		reason: 'write-failed',
		message: /is in the way/,
		env: { ENVTIER_FORMAT: 'shell,json,files,dotenv' },
		bring: ({ pod }) => {
			const file = join(pod.out, '.env');
			writeFileSync(file, 'mine');
			return Promise.resolve(() => Promise.resolve(rmSync(file)));
		},
	},
];

/** By the headings of the table in the documentation. */
export const FAILING: Readonly<Record<string, readonly FailingCase[]>> = {
	'The network': NETWORK,
	'Answers other than Vault’s': ANSWERS,
	'Vault, its mounts and secrets': VAULT,
	'The pod': POD,
};

/** A Vault for a case that disturbs others. */
export const startOwnVault = () => startReal({ durable: true });
