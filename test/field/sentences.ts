import process from 'node:process';
import { runHere } from '../cli/support/world.ts';
import { NAMES } from '../fetcher/faults/names.ts';
import { putFields, putSecret, removeSecret } from '../support/openbao-setup.ts';
import { freePort } from '../support/ports.ts';
import { makeAuthority } from '../support/tls.ts';
import { applied, described, type FetchOptions, fetchIn, logged, type Parts } from './support/parts.ts';
import type { Shown } from './support/row.ts';

/** The place of a message. */
export type Place = 'apply' | 'describe' | 'log' | 'doctor' | 'CLI' | 'event' | 'webhook’s log';

/** One mistake of a user, and the message that names the cure. */
export type Misconfiguration = Shown & { readonly case: string; readonly place: Place };

/** A role that may read everything in the KV mount. */
const WIDE = { ENVTIER_VAULT_ROLE: 'wide' } as const;
const SHOPP = { ENVTIER_DEPLOYMENT: 'shopp', ENVTIER_SERVICE: '' } as const;

const doctor = (test: string) => ({ file: 'test/cluster/apiserver/doctor-vault.test.ts', test });
const notices = (test: string) => ({ file: 'test/cluster/apiserver/notices.test.ts', test });
const handshakes = (test: string) => ({ file: 'test/cluster/apiserver/handshakes.test.ts', test });
const command = (test: string) => ({ file: 'test/cli/refusals.test.ts', test });

/** Runs a fetch of a deployment that has no secret but this one, in this form. */
async function withFields(
	parts: Parts,
	path: string,
	fields: Readonly<Record<string, string>>,
	run: (options: FetchOptions) => Promise<string>,
): Promise<string> {
	const deployment = 'odd-one';
	const at = `deployments/${deployment}/secrets${path}`;
	await putFields(parts.vault, at, fields);
	const said = await run({ env: { ...WIDE, ENVTIER_DEPLOYMENT: deployment, ENVTIER_SERVICE: '' } });
	await removeSecret(parts.vault, at);
	return said.replaceAll(deployment, 'shop');
}

/** Runs a fetch with what a case of the faults makes. */
async function runWithFault(parts: Parts, what: string): Promise<string> {
	const target = await NAMES.find((one) => one.what === what)?.target(parts);
	if (target === undefined) throw new Error(`no case "${what}"`);
	const { env, launcher = [] } = target;
	const said = await logged(parts, { env: { ENVTIER_DEADLINE: '3', ...env }, launcher });
	await target[Symbol.asyncDispose]();
	return said;
}

/** Every misconfiguration that was tried in the field, by what people got wrong. */
export const MISCONFIGURATIONS: readonly Misconfiguration[] = [
	{
		case: 'two misspelt annotations',
		place: 'apply',
		see: () => applied({ deployment: 'shop', sevrice: 'web', requires: 'A' }),
		sentence:
			/^2 annotations are wrong: .*did you mean envtier.dev\/require\?.*did you mean envtier.dev\/service\?/,
	},
	{
		case: 'annotations without the deployment',
		place: 'apply',
		see: () => applied({ service: 'web' }),
		sentence: /but not envtier.dev\/deployment, which says whose secrets it gets/,
	},
	{
		case: 'a path in the place of a name',
		place: 'apply',
		see: () => applied({ deployment: 'shop/secrets' }),
		sentence: /annotation envtier.dev\/deployment \(12 characters, with "\/"\) must be lower-case letters/,
	},
	{
		case: 'the wrong deployment name, which nothing is stored for',
		place: 'log',
		see: (parts) => logged(parts, { env: { ...WIDE, ...SHOPP } }),
		sentence: /^the deployment tier of "shopp" is empty: is envtier.dev\/deployment right\?$/m,
	},
	{
		case: 'the wrong deployment name, which the policy does not allow',
		place: 'describe',
		see: (parts) => described(parts, { env: { ...SHOPP, ENVTIER_VAULT_ROLE: 'stranger' } }),
		sentence:
			/refuses to list the deployment tier of "shopp" at .*: is envtier.dev\/deployment right\? What to do: if so,/,
	},
	{
		case: 'the wrong deployment name',
		place: 'doctor',
		shownBy: doctor('a deployment without any secret: its name may be wrong'),
		sentence: 'the deployment tier of "shop" … empty: … envtier.dev/deployment … right?',
		expects: [
			'warn: the deployment tier of "shop"',
			'are envtier.dev/deployment and envtier.dev/service right?',
		],
	},
	{
		case: 'the role is missing',
		place: 'describe',
		see: (parts) => described(parts, { env: { ENVTIER_VAULT_ROLE: 'nobody' } }),
		sentence:
			/^login-refused: role "nobody" of auth mount "jwt" does not exist \(Vault: 400 .*What to do: create it with deploy\/vault\/setup\.sh role nobody --namespace shop --account web .*--type jwt, or name/,
	},
	{
		case: 'the role is bound to another service account',
		place: 'describe',
		see: (parts) => described(parts, { env: { ENVTIER_VAULT_ROLE: 'other' } }),
		sentence:
			/role "other" .* is not bound to service account "shop\/web" .*What to do: add it to the role’s bound/,
	},
	{
		case: 'the role wants another audience',
		place: 'describe',
		see: (parts) => described(parts, { claims: { aud: ['kubernetes'] } }),
		sentence: /does not accept the audience "kubernetes" .*What to do: .*ENVTIER_TOKEN_AUDIENCE agree/,
	},
	{
		case: 'the auth mount with its prefix',
		place: 'describe',
		see: (parts) => described(parts, { env: { ENVTIER_VAULT_AUTH_MOUNT: 'auth/jwt' } }),
		sentence:
			/no auth method is mounted at "auth\/jwt" .*What to do: correct ENVTIER_VAULT_AUTH_MOUNT .*, to "jwt"/,
	},
	{
		case: 'Vault’s name is not in DNS',
		place: 'log',
		see: (parts) => runWithFault(parts, 'a name that is not in DNS'),
		sentence:
			/its name "vault\.envtier\.test" is not in DNS .*What to do: .*correct ENVTIER_VAULT_ADDR in the webhook’s ConfigMap \(its name begins with "envtier-settings"\)/,
		root: true,
	},
	{
		case: 'nothing listens at Vault’s address',
		place: 'log',
		see: async (parts) => {
			const address = `https://127.0.0.1:${await freePort()}`;
			return await logged(parts, { env: { ENVTIER_VAULT_ADDR: address, ENVTIER_DEADLINE: '1' } });
		},
		sentence: /nothing listens there .*What to do: check that Vault runs and that its Service leads to it/,
	},
	{
		case: 'the CA is another one',
		place: 'describe',
		see: async (parts) => {
			const { certPem } = await makeAuthority('Another CA');
			return await described(parts, { env: { ENVTIER_VAULT_CA: certPem } });
		},
		sentence: /^tls: .*ENVTIER_VAULT_CA must hold the CA that issued it/,
	},
	{
		case: 'the KV version is wrong',
		place: 'describe',
		see: (parts) => described(parts, { env: { ENVTIER_VAULT_KV_VERSION: '1' } }),
		sentence:
			/^bad-answer: "secret\/" is KV version 2, but ENVTIER_VAULT_KV_VERSION is 1\. What to do: correct ENVTIER_VAULT_KV_VERSION .*, to "2"/,
	},
	{
		case: 'the KV version is wrong',
		place: 'doctor',
		shownBy: doctor('the tiers are not looked at where the KV version is another'),
		sentence: '"secret/" is KV version 2, but ENVTIER_VAULT_KV_VERSION is 1; the tiers are skipped',
		expects: [
			'"secret/" is KV version 2, but ENVTIER_VAULT_KV_VERSION is 1',
			"'tiers', /^skip: not checked/",
		],
	},
	{
		case: 'a path below the KV mount in its place',
		place: 'describe',
		see: (parts) => described(parts, { env: { ENVTIER_VAULT_KV_MOUNT: 'secret/data' } }),
		sentence: /ENVTIER_VAULT_KV_MOUNT is "secret\/data", but the KV mount there is "secret"/,
	},
	{
		case: 'another field than value',
		place: 'describe',
		see: (parts) =>
			withFields(parts, '/DB_PASSWORD', { password: 'x' }, (options) => described(parts, options)),
		sentence:
			/DB_PASSWORD of the deployment tier has no field "value", but the field "password"\. What to do: store it again: vault kv put -mount=secret deployments\/shop\/secrets\/DB_PASSWORD value=/,
	},
	{
		case: 'all keys in one secret',
		place: 'describe',
		see: (parts) => withFields(parts, '', { A: '1', B: '2' }, (options) => described(parts, options)),
		sentence:
			/has one secret at "secret\/data\/deployments\/shop\/secrets" with the fields "A" and "B", .*What to do: for each key: vault kv put -mount=secret deployments\/shop\/secrets\/A value=/,
	},
	{
		case: 'an empty value',
		place: 'describe',
		see: (parts) => withFields(parts, '/EMPTY', { value: '' }, (options) => described(parts, options)),
		sentence: /EMPTY of the deployment tier has an empty field "value"\. What to do: .*envtier.dev\/empty/,
	},
	{
		case: 'a required key is missing',
		place: 'describe',
		see: async (parts) => {
			await putSecret(parts.vault, 'deployments/shop/services/web/secrets/OWN', 'x');
			const said = await described(parts, { env: { ENVTIER_REQUIRE: 'SESSION_KEY' } });
			await removeSecret(parts.vault, 'deployments/shop/services/web/secrets/OWN');
			return said;
		},
		sentence: /has SESSION_KEY \(asked for by envtier.dev\/require\)\. What to do: create the key/,
	},
	{
		case: 'the policy leaves a tier out',
		place: 'describe',
		see: (parts) => described(parts, { env: { ENVTIER_VAULT_ROLE: 'narrow' } }),
		sentence:
			/to read keys of the deployment tier of "shop"\. What to do: .*path "secret\/data\/deployments\/shop\/secrets\/\+"/,
	},
	{
		case: 'another field than value',
		place: 'log',
		see: (parts) => withFields(parts, '/DB_PASSWORD', { password: 'x' }, (options) => logged(parts, options)),
		sentence: /has no field "value", but the field "password"\. What to do: store it again: vault kv put/,
	},
	{
		case: 'all keys in one secret',
		place: 'log',
		see: (parts) => withFields(parts, '', { A: '1', B: '2' }, (options) => logged(parts, options)),
		sentence: /with the fields "A" and "B", .*What to do: for each key: vault kv put/,
	},
	{
		case: 'true in the place of a list of keys',
		place: 'apply',
		see: () => applied({ deployment: 'shop', env: 'true' }),
		sentence: /annotation envtier.dev\/env .*list/,
	},
	{
		case: 'the image runs as another UID',
		place: 'apply',
		see: () => applied({ deployment: 'shop' }, { containers: [{ name: 'web', image: 'web:1' }] }),
		sentence: /^injected\n.*the image of "web" must run as UID 65532/,
	},
	{
		case: 'the image runs as another UID',
		place: 'event',
		shownBy: {
			file: 'test/cluster/apiserver/events.test.ts',
			test: 'whose image decides about the UID: the warning stands on the Deployment, once',
		},
		sentence:
			'one Event on the Deployment: Envtier injects its pods, but the image of "main" must run as UID 65532',
		expects: ['PodWarning', 'Envtier injects its pods, but the image of "main" must run as UID 65532'],
	},
	{
		case: 'the image runs as another UID',
		place: 'log',
		see: async (parts) => {
			const written = (await fetchIn(parts)).log.find(({ msg }) => msg === 'secrets written');
			return `secrets written, uid ${written?.['uid']}`;
		},
		sentence: new RegExp(`^secrets written, uid ${process.getuid?.()}$`),
	},
	{
		case: 'the caBundle is of another CA',
		place: 'webhook’s log',
		shownBy: handshakes(
			'a caBundle of another CA: the log says so once, with the likely cause and what to do',
		),
		sentence:
			'the caller rejects the certificate … the caBundle … does not hold the CA: node deploy/certs/main.ts',
		expects: [
			'TLS handshake failed: the caller rejects the certificate',
			'the caBundle of the webhook configuration does not hold the CA',
			'node deploy/certs/main.ts',
		],
	},
	{
		case: 'the certificate of the webhook has expired',
		place: 'webhook’s log',
		shownBy: handshakes('a certificate that has expired: the log names the command that renews it'),
		sentence: 'the caller rejects the certificate … not valid now: renew it with "node deploy/certs/main.ts"',
		expects: ['the certificate is not valid now', 'renew it with "node deploy/certs/main.ts"'],
	},
	{
		case: 'the namespace is excluded',
		place: 'apply',
		shownBy: notices('a pod of an excluded namespace is created, with a warning that names the namespace'),
		sentence: 'namespace kube-system is excluded',
		expects: ['namespace kube-system is excluded'],
	},
	{
		case: 'the namespace is excluded',
		place: 'doctor',
		shownBy: {
			file: 'test/cluster/apiserver/doctor-cluster.test.ts',
			test: 'the namespace that is asked about among the excluded ones',
		},
		sentence: 'namespace … is excluded: its pods start without their secrets',
		expects: ['is excluded: its pods start without their secrets'],
	},
	{
		case: 'annotations under a look-alike prefix, or labels',
		place: 'apply',
		shownBy: notices('%s: the right one is named, in the cluster and by explain'),
		sentence:
			'a Warning: annotation "envtier.io/deployment" is none of Envtier: write "envtier.dev/deployment"',
		expects: ['is none of Envtier: write', 'label "envtier.dev/deployment" is not read by Envtier'],
	},
	{
		case: 'annotations under a look-alike prefix, or labels',
		place: 'CLI',
		see: async () => {
			const metadata = {
				name: 'web',
				annotations: { 'envtier.io/deployment': 'shop' },
				labels: { 'envtier.dev/org': 'acme' },
			};
			const spec = { containers: [{ name: 'web', image: 'web:1' }] };
			const pod = JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata, spec });
			return (await runHere(['explain', '-'], pod)).stdout;
		},
		sentence:
			/"envtier\.io\/deployment" is none of Envtier: write "envtier\.dev\/deployment".*label "envtier\.dev\/org" is not read/s,
	},
	{
		case: 'the deployment is not registered with the API',
		place: 'CLI',
		shownBy: command('a deployment that is not registered: %s says how to register one'),
		sentence: 'there is no such deployment, or it is not yours: `envtier deployments create shopp …`',
		expects: ['there is no such deployment, or it is not yours: `envtier deployments create shopp'],
	},
	{
		case: 'the CA of the API is not set',
		place: 'CLI',
		shownBy: command('a certificate that is not trusted: the variable that is unset, or wrong'),
		sentence: 'ENVTIER_API_CA is not set',
		expects: ['ENVTIER_API_CA is not set'],
	},
	{
		case: 'the token for the API has ended',
		place: 'CLI',
		shownBy: command('that has ended: the time'),
		sentence: 'ended at 2026-01-02T03:04:05Z … get a new one',
		expects: ['ended at 2026-01-02T03:04:05Z', 'get a new one'],
	},
	{
		case: 'the token for the API is for another audience',
		place: 'CLI',
		shownBy: command('for another audience: that audience, and the right one'),
		sentence: 'is for the audience "https://kubernetes.default.svc", … takes tokens for "envtier-api"',
		expects: ['is for the audience "https://kubernetes.default.svc"', 'takes tokens for "envtier-api"'],
	},
	{
		case: 'an address of the API that is none',
		place: 'CLI',
		shownBy: command('an address that is none: an example of the API, not of Vault'),
		sentence: 'ENVTIER_API_URL must be an address such as https://envtier.example.com, without a path',
		expects: ['ENVTIER_API_URL must be an address such as https://envtier.example.com, without a path'],
	},
];

/**
 * The twenty most common misconfigurations, each with the places where its sentence must appear. No row may
 * be removed.
 */
export const TWENTY: Readonly<Record<string, readonly Place[]>> = {
	'two misspelt annotations': ['apply'],
	'annotations without the deployment': ['apply'],
	'a path in the place of a name': ['apply'],
	'the wrong deployment name': ['doctor'],
	'the wrong deployment name, which nothing is stored for': ['log'],
	'the wrong deployment name, which the policy does not allow': ['describe'],
	'the role is missing': ['describe'],
	'the role is bound to another service account': ['describe'],
	'the role wants another audience': ['describe'],
	'the auth mount with its prefix': ['describe'],
	'Vault’s name is not in DNS': ['log'],
	'nothing listens at Vault’s address': ['log'],
	'the CA is another one': ['describe'],
	'the KV version is wrong': ['describe', 'doctor'],
	'another field than value': ['describe', 'log'],
	'all keys in one secret': ['describe', 'log'],
	'a required key is missing': ['describe'],
	'the policy leaves a tier out': ['describe'],
	'the image runs as another UID': ['event', 'log'],
	'the caBundle is of another CA': ['webhook’s log'],
	'the certificate of the webhook has expired': ['webhook’s log'],
	'the namespace is excluded': ['apply', 'doctor'],
	'the deployment is not registered with the API': ['CLI'],
	'the CA of the API is not set': ['CLI'],
	'the token for the API has ended': ['CLI'],
	'the token for the API is for another audience': ['CLI'],
};
