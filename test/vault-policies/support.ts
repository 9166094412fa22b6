import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'vitest';
import { parseAllDocuments } from 'yaml';
import { buildFetcher, makePod, type Run, runFetcher } from '../fetcher/support/fetcher.ts';
import { type ApiServer, startApiServer } from '../support/kubernetes/apiserver.ts';
import { type OpenBao, startOpenBao } from '../support/openbao.ts';
import { putSecret } from '../support/openbao-setup.ts';
import { type Finished, runProcess } from '../support/process.ts';
import { administratorOf, type VaultSetup, vaultSetup } from '../support/vault-setup.ts';

const DEPLOY = join(import.meta.dirname, '../../deploy/vault');
/** The namespace of rbac/reviewer.yaml. */
export const REVIEWER = { namespace: 'vault', name: 'envtier-vault-reviewer' } as const;

/** An OpenBao, and the means to set it up. */
export interface VaultHouse extends AsyncDisposable {
	readonly bao: OpenBao;
	/** What an administrator of Vault has in their environment. */
	readonly env: NodeJS.ProcessEnv;
	/** Runs deploy/vault/setup.sh as an administrator of Vault would. */
	setup(...args: readonly string[]): Promise<Finished>;
	/** The same under another shell than `sh`: `dash`, or `busybox` for its own. */
	setupUnder(shell: string, ...args: readonly string[]): Promise<Finished>;
	/** Runs it, and it must succeed; gives what it printed. */
	readonly mustSetup: VaultSetup;
	/** Writes text into a file of the test's own; gives its path. */
	file(name: string, text: string): Promise<string>;
}

/** An API server and an OpenBao that know nothing of each other yet, and the fetcher as it ships. */
export interface Fixture extends VaultHouse {
	readonly cluster: ApiServer;
	/** Applies a manifest of deploy/vault/rbac; `replace` puts another text in the place of each key. */
	apply(file: string, replace?: Readonly<Record<string, string>>): Promise<void>;
	/** Runs the fetcher in a pod of `account`, as the webhook would start it. */
	fetch(account: Account, env: Readonly<Record<string, string>>, audience?: string): Promise<Fetched>;
	/** Logs in as a pod of `account` would; gives the token. */
	login(account: Account, mount: string, role: string, audience?: string): Promise<string>;
}

/** A service account. */
export interface Account {
	readonly namespace: string;
	readonly name: string;
}

/** What a pod got. */
export interface Fetched extends Run {
	readonly files: Readonly<Record<string, string>>;
}

/** A `describe` on such a fixture; skipped with the reason where there is no API server. */
export async function describeWithFixture(name: string, body: (fixture: Fixture) => void): Promise<void> {
	const started = await startApiServer();
	if (!started.ok) {
		describe.skip(name, () => test(`needs an API server: ${started.error}`));
		return;
	}
	const fixture = await makeHouse(started.value);
	describe(name, () => body(fixture));
}

/** Starts an OpenBao to be set up. */
export async function makeVaultHouse(): Promise<VaultHouse> {
	const bao = await startOpenBao();
	const env = await administratorOf(bao);
	const under = (shell: readonly string[], args: readonly string[]): Promise<Finished> => {
		const [command = '', ...first] = shell;
		const script = join(DEPLOY, 'setup.sh');
		return runProcess({ name: 'setup.sh', command, args: [...first, script, ...args], env });
	};
	return {
		bao,
		env,
		setup: (...args) => under(['sh'], args),
		setupUnder: (shell, ...args) => under(shell === 'busybox' ? ['busybox', 'sh'] : [shell], args),
		mustSetup: vaultSetup(bao),
		file: async (name, text) => {
			const path = join(bao.dir, name);
			await writeFile(path, text, { mode: 0o600 });
			return path;
		},
		[Symbol.asyncDispose]: bao.stop,
	};
}

async function makeHouse(cluster: ApiServer): Promise<Fixture> {
	const vault = await makeVaultHouse();
	const { bao } = vault;
	const fetcher = await buildFetcher();
	const token = (account: Account, audience: string): Promise<string> =>
		cluster.token(account.namespace, account.name, [audience]);
	return {
		...vault,
		cluster,
		apply: async (name, replace = {}) => {
			let text = await readFile(join(DEPLOY, 'rbac', name), 'utf8');
			for (const [from, to] of Object.entries(replace)) text = text.replaceAll(from, to);
			for (const document of parseAllDocuments(text)) await applyObject(cluster, document.toJS());
		},
		fetch: async (account, env, audience = 'vault') => {
			const pod = await makePod(await token(account, audience));
			const at = { ENVTIER_VAULT_ADDR: bao.addr, ENVTIER_VAULT_CA: bao.caPem, ENVTIER_DEADLINE: '20' };
			try {
				return { ...(await runFetcher(fetcher, pod, { ...at, ...env })), files: pod.files() };
			} finally {
				await pod.scratch.remove();
			}
		},
		login: async (account, mount, role, audience = 'vault') => {
			const body = { role, jwt: await token(account, audience) };
			const answer = await bao.request('POST', `auth/${mount}/login`, { token: '', body });
			const { auth } = answer.json as { auth?: { client_token: string } };
			if (auth === undefined) throw new Error(`login: ${answer.status} ${answer.text}`);
			return auth.client_token;
		},
		[Symbol.asyncDispose]: async () => {
			await bao.stop();
			await cluster.stop();
		},
	};
}

interface KubernetesObject {
	readonly apiVersion: string;
	readonly kind: string;
	readonly metadata: { readonly name: string; readonly namespace?: string };
}

/** Where each kind of rbac/ lives; objects of a namespace go to that of the reviewer. */
const PLACES: Readonly<Record<string, string>> = {
	ServiceAccount: `/api/v1/namespaces/${REVIEWER.namespace}/serviceaccounts`,
	Secret: `/api/v1/namespaces/${REVIEWER.namespace}/secrets`,
	ClusterRoleBinding: '/apis/rbac.authorization.k8s.io/v1/clusterrolebindings',
};

async function applyObject(cluster: ApiServer, object: KubernetesObject): Promise<void> {
	const path = `${PLACES[object.kind]}/${object.metadata.name}?fieldManager=test`;
	const answer = await cluster.request('PATCH', path, object, {
		contentType: 'application/apply-patch+yaml',
	});
	if (answer.status > 201) throw new Error(`applying ${path}: ${JSON.stringify(answer.body)}`);
}

/**
 * Fills the tiers of two organizations and two deployments, and a template. Every value contains its
 * location.
 */
export async function fillTiers({ bao }: Fixture): Promise<void> {
	for (const folder of [
		...['orgs/acme', 'orgs/globex', 'templates/web', 'templates/web/services/api'],
		...['shop', 'blog', 'web', 'blog.shop', 'blog.shop.web', 'shop.shop'].flatMap((name) => [
			`deployments/${name}`,
			...['web', 'worker', 'api'].map((service) => `deployments/${name}/services/${service}`),
		]),
	]) {
		await putSecret(bao, `${folder}/secrets/PLACE`, `test of ${folder}`);
		await putSecret(bao, `${folder}/secrets/${keyOf(folder)}`, `test of ${folder}`);
	}
}

/** `deployments/shop/services/web` has the key FROM_DEPLOYMENTS_SHOP_SERVICES_WEB. */
export function keyOf(folder: string): string {
	return `FROM_${folder.toUpperCase().replaceAll(/[/.]/g, '_')}`;
}
