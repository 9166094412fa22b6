import { NAMES } from '../fetcher/weathers/names.ts';
import { putFields, putSecret, removeSecret } from '../support/openbao-setup.ts';
import { freePort } from '../support/ports.ts';
import { makeAuthority } from '../support/tls.ts';
import { applied, described, type FetchOptions, logged, type Parts } from './support/parts.ts';
import type { Shown } from './support/row.ts';

/** Where somebody looks. */
export type Place = 'apply' | 'describe' | 'log' | 'doctor' | 'CLI' | 'event' | 'webhook’s log';

/** One thing that somebody gets wrong, and the sentence that leads to the cure. */
export type Misconfiguration = Shown & { readonly case: string; readonly place: Place };

/** A role that may read everything in the KV mount. */
const WIDE = { ENVTIER_VAULT_ROLE: 'wide' } as const;
const SHOPP = { ENVTIER_DEPLOYMENT: 'shopp', ENVTIER_SERVICE: '' } as const;

const doctor = (test: string) => ({ file: 'test/cluster/apiserver/doctor-vault.test.ts', test });
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
async function inWeather(parts: Parts, what: string): Promise<string> {
	const place = await NAMES.find((one) => one.what === what)?.place(parts);
	if (place === undefined) throw new Error(`no case "${what}"`);
	const { env, launcher = [] } = place;
	const said = await logged(parts, { env: { ENVTIER_DEADLINE: '3', ...env }, launcher });
	await place[Symbol.asyncDispose]();
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
		see: (parts) => inWeather(parts, 'a name that is not in DNS'),
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
		case: 'the namespace is excluded',
		place: 'apply',
		shownBy: {
			file: 'test/cluster/apiserver/notices.test.ts',
			test: 'a pod of an excluded namespace is created, with a warning that names the namespace',
		},
		sentence: 'a Warning that names the namespace',
	},
	{
		case: 'annotations under a look-alike prefix, or labels',
		place: 'apply',
		shownBy: {
			file: 'test/cluster/apiserver/notices.test.ts',
			test: 'annotations under a look-alike prefix, and labels',
		},
		sentence: 'the right one is named, in the cluster and by explain',
	},
	{
		case: 'the deployment is not registered with the API',
		place: 'CLI',
		shownBy: command('a deployment that is not registered: %s says how to register one'),
		sentence: 'there is no such deployment, or it is not yours: `envtier deployments create shopp …`',
	},
	{
		case: 'the CA of the API is not set',
		place: 'CLI',
		shownBy: command('a certificate that is not trusted: the variable that is unset, or wrong'),
		sentence: 'ENVTIER_API_CA is not set',
	},
	{
		case: 'the token for the API has ended',
		place: 'CLI',
		shownBy: command('that has ended: the time'),
		sentence: 'ended at 2026-01-02T03:04:05Z … get a new one',
	},
	{
		case: 'the token for the API is for another audience',
		place: 'CLI',
		shownBy: command('for another audience: that audience, and the right one'),
		sentence: 'is for the audience "https://kubernetes.default.svc", … takes tokens for "envtier-api"',
	},
];
