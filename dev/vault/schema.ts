import { z } from 'zod';
import { parseName } from '../../contract/names.ts';
import { CAPABILITIES, patternFault } from './acl.ts';
import { readDuration } from './parameters.ts';

/** Returns why a text is invalid, or undefined if it is valid. */
type Check = (text: string) => string | undefined;

const checked = (check: Check) =>
	z.string().superRefine((text, context) => {
		const message = check(text);
		if (message !== undefined) context.addIssue({ code: 'custom', message });
	});

const name = checked((text) => {
	const parsed = parseName(text);
	return parsed.ok ? undefined : `must be ${parsed.error}`;
});

const segment = checked((text) =>
	text === '' || text.includes('/') ? 'must be one path segment: not empty, no "/"' : undefined,
);

const mount = checked((text) =>
	/^[\w-]+(\/[\w-]+)*$/.test(text) ? undefined : 'must be a mount path: letters, digits, "-", "_" and "/"',
);

const pattern = checked((text) => {
	const fault = patternFault(text);
	return fault === undefined ? undefined : `is no path of a policy: it ${fault}`;
});

const value = checked((text) =>
	text === '' ? 'has no value; Vault keeps no empty secrets for Envtier' : undefined,
);

/** Secrets by key. Keys that pods can't receive are allowed, because Vault allows them too. */
const secrets = z.record(segment, value);

const workload = z.strictObject({
	secrets: secrets.default({}),
	services: z.record(name, secrets).default({}),
});

const role = z.strictObject({
	serviceAccounts: z.array(z.string()).default(['*']),
	namespaces: z.array(z.string()).default(['*']),
	audience: z.string().optional(),
	policies: z.array(z.string()).optional(),
	ttl: checked((text) =>
		readDuration(text) === undefined ? 'must be a duration such as "30s", "5m" or "1h"' : undefined,
	).default('1h'),
});

const kv = z.enum(['1', '2'], { error: 'must be 1 or 2, the version of the KV engine' });

const namespaceContent = z.strictObject({
	orgs: z.record(name, secrets).default({}),
	deployments: z.record(name, workload).default({}),
	templates: z.record(name, workload).default({}),
	kv: z.record(mount, kv).default({ secret: '2' }),
	transit: z.array(mount).default(['transit']),
	auth: z
		.record(mount, z.enum(['kubernetes', 'jwt'], { error: 'must be "kubernetes" or "jwt"' }))
		.default({ kubernetes: 'kubernetes', jwt: 'jwt' }),
	roles: z.record(segment, role).optional(),
	policies: z
		.record(
			segment,
			z.record(
				pattern,
				z.array(z.enum(CAPABILITIES, { error: `must be one of ${CAPABILITIES.join(', ')}` })),
			),
		)
		.default({}),
	get namespaces() {
		return z.record(name, namespaceContent).default({});
	},
});

/** Schema of the whole file. All scalars are read as text. */
export const vaultFile = namespaceContent;

/** The content of the file: the root namespace, and others inside. */
export type VaultFile = z.output<typeof vaultFile>;

/** The content as tests pass it, before defaults. */
export type VaultFileInput = z.input<typeof vaultFile>;
