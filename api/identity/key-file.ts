import { parseArgs } from 'node:util';
import { z } from 'zod';
import { parseName } from '../../contract/names.ts';
import { err, ok, type Result } from '../../contract/result.ts';
import { type KeyRecord, newKey } from './api-key.ts';
import { isSubject, ROLES, SCOPES } from './identity.ts';

const ENTRY = z.strictObject({
	id: z.string().regex(/^[0-9a-f]{16}$/),
	hash: z.string().regex(/^[0-9a-f]{64}$/),
	subject: z.string().refine(isSubject),
	org: z
		.string()
		.refine((text) => parseName(text).ok)
		.optional(),
	roles: z.array(z.enum(ROLES)).default([]),
	scopes: z.array(z.enum(SCOPES)).default([]),
	expiresAt: z.iso.datetime({ offset: true }).optional(),
});
const FILE = z.strictObject({ keys: z.array(ENTRY) });

/** Takes the text of a key file; gives its keys. */
export function parseKeyFile(text: string): Result<readonly KeyRecord[]> {
	let content: unknown;
	try {
		content = JSON.parse(text);
	} catch {
		return err('it is not JSON');
	}
	const parsed = FILE.safeParse(content);
	if (!parsed.success) {
		const where = parsed.error.issues.map((issue) => issue.path.join('.') || 'the whole');
		return err(`these parts are not as they must be: ${[...new Set(where)].join(', ')}`);
	}
	return ok(
		parsed.data.keys.map(({ expiresAt, org, ...rest }) => ({
			...rest,
			org,
			expiresAt: expiresAt === undefined ? undefined : new Date(expiresAt),
		})),
	);
}

const OPTIONS = {
	'new-key': { type: 'boolean' },
	subject: { type: 'string' },
	org: { type: 'string' },
	roles: { type: 'string', default: '' },
	scopes: { type: 'string', default: SCOPES.join(',') },
	days: { type: 'string', default: '90' },
	help: { type: 'boolean' },
} as const;

const USAGE = `Serves the secrets API; settings are ENVTIER_API_* variables.

  --new-key --subject user:NAME [--org NAME] [--roles ${ROLES.join(',')}]
            [--scopes ${SCOPES.join(',')}] [--days 90]
            makes an API key: the key itself goes to standard error, this once,
            and its entry for ENVTIER_API_KEYS_FILE to standard output
`;

/** What the command line asks for besides serving. */
export type Asked =
	| { readonly kind: 'serve' }
	| { readonly kind: 'help'; readonly text: string }
	| { readonly kind: 'key'; readonly text: string; readonly entry: string };

/** Reads the command line; the error is for standard error. */
export function parseCommandLine(args: readonly string[], now: Date): Result<Asked> {
	let values: ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values'];
	try {
		({ values } = parseArgs({ args: [...args], options: OPTIONS }));
	} catch (thrown) {
		return err(`${thrown instanceof Error ? thrown.message : 'wrong arguments'}\n\n${USAGE}`);
	}
	if (values.help) return ok({ kind: 'help', text: USAGE });
	if (!values['new-key']) return ok({ kind: 'serve' });
	const { text, id, hash } = newKey();
	const list = (given: string): readonly string[] => given.split(',').filter((part) => part !== '');
	const days = Number(values.days);
	const entry = ENTRY.safeParse({
		...{ id, hash, subject: values.subject, org: values.org },
		roles: list(values.roles),
		scopes: list(values.scopes),
		expiresAt: days > 0 && days < 3660 ? new Date(now.getTime() + days * 86_400_000).toISOString() : '',
	});
	if (!entry.success) {
		const wrong = entry.error.issues.map((issue) => `--${String(issue.path[0])}`);
		return err(
			`missing or wrong: ${[...new Set(wrong)].join(', ').replace('--expiresAt', '--days')}\n\n${USAGE}`,
		);
	}
	return ok({ kind: 'key', text, entry: JSON.stringify({ keys: [entry.data] }, null, '\t') });
}
