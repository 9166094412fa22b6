import { err, ok, type Result } from '../../../contract/result.ts';
import type { PostgresSettings } from './postgres.ts';

/** Where audit lines are stored for queries. */
export type AuditStoreSettings =
	| { readonly kind: 'none' }
	| { readonly kind: 'sqlite'; readonly file: string }
	| { readonly kind: 'postgres'; readonly postgres: PostgresSettings };

const FORM =
	'sqlite:/path/of/a/file or postgres://user:password@host:port/database, without options but ?host=/directory/of/a/socket';
const LOOPBACK = /^(?:127\.[0-9.]+|\[::1\]|localhost)$/;

/**
 * Parses the address of an audit store. TLS with a checked certificate is not optional: only a loopback
 * address and a Unix socket go without. The error never repeats the address, which may hold a password.
 */
export function parseAuditStore(text: string): Result<AuditStoreSettings> {
	const file = /^sqlite:(?:\/\/)?(\/.+)$/.exec(text)?.[1];
	if (file !== undefined) return ok({ kind: 'sqlite', file });
	if (!/^postgres(?:ql)?:\/\//.test(text) || !URL.canParse(text)) return err(FORM);
	const url = new URL(text);
	const { host: socket, ...others } = Object.fromEntries(url.searchParams);
	const database = decoded(url.pathname.slice(1));
	const user = decoded(url.username);
	const password = decoded(url.password);
	if (!database || database.includes('/') || !user || password === undefined) return err(FORM);
	if (Object.keys(others).length > 0 || url.hash !== '') return err(FORM);
	if (socket === undefined ? url.hostname === '' : !socket.startsWith('/')) return err(FORM);
	return ok({
		kind: 'postgres',
		postgres: {
			host: socket ?? url.hostname.replace(/^\[|\]$/g, ''),
			port: Number(url.port || '5432'),
			database,
			user,
			password: password === '' ? undefined : password,
			ca: undefined,
			tls: socket === undefined && !LOOPBACK.test(url.hostname),
		},
	});
}

function decoded(text: string): string | undefined {
	try {
		return decodeURIComponent(text);
	} catch {
		// A "%" that begins no escape.
		return undefined;
	}
}
