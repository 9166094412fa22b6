import { readFile } from 'node:fs/promises';
import { parseYaml } from '../../lib/parse/yaml.ts';

/** Sends one call to the API as a person; rejects unless it succeeds. */
export type SeedCall = (
	as: 'developer' | 'ada',
	method: string,
	path: string,
	body: object,
) => Promise<unknown>;

/** The part of examples/vault.yaml that becomes secrets. */
interface Example {
	readonly orgs: Readonly<Record<string, Values>>;
	readonly deployments: Readonly<
		Record<string, { readonly secrets: Values; readonly services: Readonly<Record<string, Values>> }>
	>;
}
type Values = Readonly<Record<string, string>>;

const TEMPLATE = {
	name: 'web-shop',
	services: [
		{
			name: 'web',
			secrets: [
				{ key: 'DATABASE_URL', description: 'the orders' },
				{ key: 'SESSION_KEY' },
				{ key: 'PAYMENT_TOKEN', description: 'of the payment provider' },
			],
		},
		{ name: 'worker', secrets: [{ key: 'DATABASE_URL' }, { key: 'QUEUE_URL' }] },
	],
};

const ABOUT: Readonly<Record<string, object>> = {
	DATABASE_URL: { description: 'the orders', tags: ['database', 'team:web'] },
	SESSION_KEY: { description: 'signs the cookies', tags: ['team:web'] },
	LOG_LEVEL: { description: 'debug, info or warn' },
	SMTP_PASSWORD: { description: 'of the mail relay', tags: ['mail'] },
};

/**
 * Fills the store with the secrets of examples/vault.yaml, and with what makes every view worth a look: two
 * deployments of one template, changes by two people, a missing key, a deleted one, a certificate.
 */
export async function seed(call: SeedCall, example: string): Promise<void> {
	const parsed = parseYaml(await readFile(example, 'utf8'));
	if (!parsed.ok) throw new Error(`${example}: ${parsed.error}`);
	const { orgs, deployments } = parsed.value as Example;
	await call('developer', 'POST', '/api/templates', TEMPLATE);
	for (const name of [...Object.keys(deployments), 'shop-staging'])
		await call('developer', 'POST', '/api/deployments', { name, org: 'acme', template: 'web-shop' });
	await call('developer', 'POST', '/api/deployments/shop/members', { member: 'user:ada', role: 'manager' });
	await call('developer', 'POST', '/api/deployments/shop/members', { member: 'user:bob', role: 'viewer' });
	for (const values of Object.values(orgs))
		for (const [key, value] of Object.entries(values))
			await call('developer', 'POST', '/api/org/secrets', { key, value, ...ABOUT[key] });
	for (const [deploymentName, { secrets, services }] of Object.entries(deployments))
		for (const [serviceName, values] of [['', secrets] as const, ...Object.entries(services)])
			for (const [key, value] of Object.entries(values))
				await call('developer', 'POST', '/api/secrets', {
					key,
					value,
					deploymentName,
					serviceName,
					...ABOUT[key],
				});
	await change(call);
}

/** Changes and deletions, so that there is a history. */
async function change(call: SeedCall): Promise<void> {
	const created = async (body: object): Promise<string> =>
		((await call('ada', 'POST', '/api/secrets', body)) as { readonly id: string }).id;
	const flag = await created({ key: 'FEATURE_FLAGS', value: 'not-a-secret-5', deploymentName: 'shop' });
	for (const value of ['not-a-secret-6', 'not-a-secret-7'])
		await call('ada', 'PUT', '/api/secrets', { id: flag, value });
	const old = await created({
		key: 'OLD_API_TOKEN',
		value: 'not-a-token-8',
		deploymentName: 'shop',
		serviceName: 'web',
	});
	await call('ada', 'DELETE', '/api/secrets', { id: old });
	await created({
		...{ type: 'tls', name: 'ORDERS', deploymentName: 'shop', tags: ['tls'] },
		generate: { hosts: ['orders.shop.svc'], days: 20 },
	});
	await created({
		type: 'userpass',
		name: 'QUEUE',
		fields: { username: 'shop' },
		generate: true,
		deploymentName: 'shop',
	});
	await created({ key: 'DATABASE_URL', value: 'not-a-password-9', deploymentName: 'shop-staging' });
	await created({ key: 'FEATURE_FLAGS', value: 'not-a-secret-10', deploymentName: 'shop-staging' });
}
