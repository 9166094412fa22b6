import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { EXIT_CODES } from '../../contract/exit-codes.ts';
import { buildFetcher, makePod, runFetcher } from '../fetcher/support/fetcher.ts';
import { makeJwtSigner, serviceAccountClaims } from '../support/jwt.ts';
import { createNamespace, enableAuth, putSecret } from '../support/openbao-setup.ts';
import { runProcess } from '../support/process.ts';
import { makeVaultHouse, type VaultHouse } from './support.ts';

const SCRIPT = join(import.meta.dirname, '../../deploy/vault/setup.sh');
const signer = makeJwtSigner();

let fixture: VaultHouse;
let fetcher: string;
beforeAll(async () => {
	[fixture, fetcher] = await Promise.all([makeVaultHouse(), buildFetcher()]);
	const { bao } = fixture;
	await createNamespace(bao, 'platform');
	for (const name of ['team-a', 'team-b']) {
		await createNamespace(bao, name, { namespace: 'platform' });
		const place = { namespace: `platform/${name}` };
		await putSecret(bao, 'deployments/shop/secrets/PLACE', `of ${name}`, place);
	}
	const config = { jwt_validation_pubkeys: [signer.publicKeyPem] };
	await enableAuth(bao, 'jwt', { config });
	await enableAuth(bao, 'jwt', { config, namespace: 'platform' });
});
afterAll(async () => {
	await fixture?.[Symbol.asyncDispose]();
});

/** Runs setup.sh in a Vault namespace; undefined is the root. */
async function setUp(namespace: string | undefined, kv: string): Promise<string> {
	const what = ['--namespace', 'shop', '--account', 'web', '--deployment', 'shop'];
	const { code, stdout, stderr } = await runProcess({
		command: 'sh',
		args: [SCRIPT, 'role', 'shop_web', '--replace', '--type', 'jwt', ...what, '--kv', kv],
		env: { ...fixture.env, ...(namespace && { VAULT_NAMESPACE: namespace }) },
	});
	expect([code, stderr]).toEqual([0, '']);
	return stdout;
}

async function fetch(namespace: string | undefined, kv: string) {
	const pod = await makePod(signer.sign(serviceAccountClaims('shop', 'web')));
	const { addr, caPem } = fixture.bao;
	try {
		const run = await runFetcher(fetcher, pod, {
			...{ ENVTIER_VAULT_ADDR: addr, ENVTIER_VAULT_CA: caPem, ENVTIER_DEADLINE: '20' },
			...{ ENVTIER_VAULT_AUTH_MOUNT: 'jwt', ENVTIER_VAULT_ROLE: 'shop_web' },
			...{ ENVTIER_DEPLOYMENT: 'shop', ENVTIER_FORMAT: 'json', ENVTIER_VAULT_KV_MOUNT: kv },
			...(namespace && { ENVTIER_VAULT_NAMESPACE: namespace }),
		});
		return { ...run, files: pod.files() };
	} finally {
		await pod.scratch.remove();
	}
}

test.each([
	['a namespace', 'platform', 'team-a/secret', 'team-b/secret'],
	['the root namespace', undefined, 'platform/team-a/secret', 'platform/team-b/secret'],
] as const)(
	'a pod logs in to %s and reads the secrets of a child by the path of its mount',
	async (...row) => {
		const [, namespace, kv, other] = row;
		const said = await setUp(namespace, kv);
		expect(said).toContain(`envtier_deployment_${kv.replaceAll('/', '.')}_shop`);
		const { code, message, files } = await fetch(namespace, kv);
		expect([code, message]).toEqual([0, '']);
		expect(JSON.parse(files['env.json'] ?? '')).toEqual({ PLACE: 'of team-a' });
		const refused = await fetch(namespace, other);
		expect([refused.code, refused.files]).toEqual([EXIT_CODES['read-refused'].code, {}]);
		expect(refused.message).toContain(`path "${other}/metadata/deployments/shop/secrets/"`);
	},
);
