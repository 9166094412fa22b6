import { parseArgs } from 'node:util';
import { z } from 'zod';
import { NAME_RULE, parseName } from '../../contract/names.ts';
import { err, ok, type Result } from '../../contract/result.ts';
import { parseJson } from '../../lib/parse/json.ts';
import type { AuditTask } from '../audit/store/task.ts';
import { validationMessage } from '../schemas/common.ts';
import { type KeyRecord, newKey } from './api-key.ts';
import { isSubject, ROLES, SCOPES, SUBJECT_BYTES } from './caller.ts';

const oneOf = (words: readonly string[]): { readonly error: string } => ({
	error: `must be one of ${words.join(', ')}`,
});
const ENTRY = z.strictObject({
	id: z.string().regex(/^[0-9a-f]{16}$/, { error: 'must be 16 hexadecimal digits' }),
	hash: z
		.string()
		.regex(/^[0-9a-f]{64}$/, { error: 'must be 64 hexadecimal digits, the SHA-256 of the key' }),
	subject: z
		.string()
		.refine(isSubject, { error: `must be printable text of at most ${SUBJECT_BYTES} bytes` }),
	org: z
		.string()
		.refine((text) => parseName(text).ok, { error: `must be ${NAME_RULE}` })
		.optional(),
	roles: z.array(z.enum(ROLES, oneOf(ROLES))).default([]),
	scopes: z.array(z.enum(SCOPES, oneOf(SCOPES))).default([]),
	expiresAt: z.iso
		.datetime({ offset: true, error: 'must be a time such as 2027-01-31T00:00:00Z' })
		.optional(),
});
const FILE = z.strictObject({ keys: z.array(ENTRY) });
const FORM = 'it must be {"keys": [...]}, as `--new-key` prints it';

/**
 * Parses a key file and returns its keys. The error says what is wrong and where, and quotes nothing of the
 * file.
 */
export function parseKeyFile(text: string): Result<readonly KeyRecord[]> {
	const read = parseJson(Buffer.from(text.replace(/^\ufeff/, '')));
	if (!read.ok) return err(`it ${read.error}: ${FORM}`);
	const content = read.value;
	const parsed = FILE.safeParse(content, { reportInput: true });
	if (!parsed.success) return err(problemOf(content, parsed.error));
	return ok(
		parsed.data.keys.map(({ expiresAt, org, ...rest }) => ({
			...rest,
			org,
			expiresAt: expiresAt === undefined ? undefined : new Date(expiresAt),
		})),
	);
}

function problemOf(content: unknown, error: z.ZodError): string {
	if (Array.isArray(content)) return `it is a list: ${FORM}`;
	if (typeof content !== 'object' || content === null) return `it is no object: ${FORM}`;
	if (!('keys' in content)) return `it has no field "keys": ${FORM}`;
	return validationMessage(error);
}

const OPTIONS = {
	config: { type: 'string' },
	'new-key': { type: 'boolean' },
	subject: { type: 'string' },
	org: { type: 'string' },
	roles: { type: 'string', default: '' },
	// Not all scopes: deletion and the audit must be asked for.
	scopes: { type: 'string', default: 'secrets:read,secrets:write' },
	days: { type: 'string', default: '90' },
	'migrate-audit': { type: 'boolean' },
	'grant-to': { type: 'string' },
	'purge-audit': { type: 'boolean' },
	'erase-email': { type: 'string' },
	help: { type: 'boolean' },
} as const;

const USAGE = `Serves the secrets API; settings are ENVTIER_API_* variables.

  --config FILE
            reads settings from a YAML file, which variables win over (ENVTIER_API_CONFIG)
  --new-key --subject user:NAME [--org NAME] [--roles ${ROLES.join(',')}]
            [--scopes ${SCOPES.join(',')}]
            [--days 90]
            makes an API key: the key itself goes to standard error, this once,
            and its entry for ENVTIER_API_KEYS_FILE to standard output

Of the audit store in ENVTIER_API_AUDIT_STORE, with the address of the owner of its tables:
  --migrate-audit [--grant-to ROLE]
            creates or updates the tables of PostgreSQL, and lets a role insert and select
  --purge-audit
            deletes lines that are older than ENVTIER_API_AUDIT_RETENTION days
  --erase-email SUBJECT
            deletes the e-mail addresses of a subject; the lines stay
`;

/** The task of the audit store that the options select; undefined if none. */
function auditTaskOf(values: {
	readonly 'migrate-audit'?: boolean | undefined;
	readonly 'grant-to'?: string | undefined;
	readonly 'purge-audit'?: boolean | undefined;
	readonly 'erase-email'?: string | undefined;
}): AuditTask | undefined {
	if (values['migrate-audit']) return { kind: 'migrate', grantTo: values['grant-to'] };
	if (values['purge-audit']) return { kind: 'purge' };
	const subject = values['erase-email'];
	return subject === undefined ? undefined : { kind: 'erase', subject };
}

/** The command that the command line selects. */
export type CommandLine =
	| { readonly kind: 'serve'; readonly config: string | undefined }
	| { readonly kind: 'audit'; readonly config: string | undefined; readonly task: AuditTask }
	| { readonly kind: 'help'; readonly text: string }
	| { readonly kind: 'key'; readonly text: string; readonly entry: string };

/** Parses the command line. The error is a text for standard error. */
export function parseCommandLine(args: readonly string[], now: Date): Result<CommandLine> {
	let values: ReturnType<typeof parseArgs<{ options: typeof OPTIONS }>>['values'];
	try {
		({ values } = parseArgs({ args: [...args], options: OPTIONS }));
	} catch (thrown) {
		return err(`${thrown instanceof Error ? thrown.message : 'wrong arguments'}\n\n${USAGE}`);
	}
	if (values.help) return ok({ kind: 'help', text: USAGE });
	const task = auditTaskOf(values);
	if (task !== undefined) return ok({ kind: 'audit', config: values.config, task });
	if (!values['new-key']) return ok({ kind: 'serve', config: values.config });
	const { text, id, hash } = newKey();
	const list = (option: string): readonly string[] => option.split(',').filter((part) => part !== '');
	const days = Number(values.days);
	const entry = ENTRY.safeParse({
		id,
		hash,
		subject: values.subject,
		org: values.org,
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
