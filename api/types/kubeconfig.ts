import { X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { err, ok, type Result } from '../../contract/result.ts';
import { parseYaml } from '../../lib/parse/yaml.ts';
import { validationMessage } from '../schemas/common.ts';
import { given, text, typeRules } from './type-rules.ts';

/** Base64 of PEM text. */
const base64Pem = (what: string) =>
	z.string().refine((data) => Buffer.from(data, 'base64').includes(`-----BEGIN ${what}`), {
		error: `must be base64 of PEM text`,
	});
const anything = z.unknown().optional();

const certificates = base64Pem('CERTIFICATE').refine(
	(data) => {
		try {
			return new X509Certificate(Buffer.from(data, 'base64')).raw.length > 0;
		} catch {
			return false;
		}
	},
	{ error: 'must be base64 of a PEM certificate' },
);

/**
 * The fields that are accepted. All that name a file (certificate-authority, client-certificate, client-key,
 * tokenFile), run a program (exec, auth-provider) or leave out the check of the server
 * (insecure-skip-tls-verify) are unknown here, and so refused.
 */
const Cluster = z.strictObject({
	server: z.string().refine((url) => URL.canParse(url) && new URL(url).protocol === 'https:', {
		error: 'must be an https:// address',
	}),
	'certificate-authority-data': certificates,
	'tls-server-name': z.string().optional(),
	'proxy-url': z.string().optional(),
	'disable-compression': z.boolean().optional(),
	extensions: anything,
});
const User = z.strictObject({
	token: z.string().min(1).optional(),
	'client-certificate-data': certificates.optional(),
	'client-key-data': base64Pem('').optional(),
	username: z.string().min(1).optional(),
	password: z.string().min(1).optional(),
	as: z.string().optional(),
	'as-uid': z.string().optional(),
	'as-groups': z.array(z.string()).optional(),
	'as-user-extra': anything,
	extensions: anything,
});
const ContextFields = z.strictObject({
	cluster: z.string(),
	user: z.string(),
	namespace: z.string().optional(),
	extensions: anything,
});
const MANY = 20;
const Config = z.strictObject({
	apiVersion: z.literal('v1'),
	kind: z.literal('Config'),
	clusters: z
		.array(z.strictObject({ name: z.string().min(1), cluster: Cluster }))
		.min(1)
		.max(MANY),
	users: z
		.array(z.strictObject({ name: z.string().min(1), user: User }))
		.min(1)
		.max(MANY),
	contexts: z
		.array(z.strictObject({ name: z.string().min(1), context: ContextFields }))
		.min(1)
		.max(MANY),
	'current-context': z.string().min(1),
	preferences: anything,
	extensions: anything,
});

/** A kubeconfig without references to files and programs, for https servers whose certificate is checked. */
export const kubeconfig = typeRules(
	z.strictObject({ kubeconfig: text(64 * 1024) }),
	undefined,
	({ fields }) => {
		const parsed = parseYaml(fields.kubeconfig);
		if (!parsed.ok) return err(`fields.kubeconfig ${parsed.error}`);
		const config = Config.safeParse(parsed.value, { reportInput: true });
		if (!config.success) return err(`fields.kubeconfig: ${validationMessage(config.error)}`);
		const checked = check(config.data);
		return checked.ok ? given({ parts: { kubeconfig: fields.kubeconfig } }) : checked;
	},
);

/** Checks that each context has its cluster and its user, and that each user has credentials. */
function check({ clusters, users, contexts, ...rest }: z.output<typeof Config>): Result<void> {
	const refuse = (what: string): Result<never> => err(`fields.kubeconfig: ${what}`);
	for (const list of [clusters, users, contexts])
		if (new Set(list.map(({ name }) => name)).size !== list.length) return refuse('a name is there twice');
	for (const { context } of contexts)
		if (
			!clusters.some(({ name }) => name === context.cluster) ||
			!users.some(({ name }) => name === context.user)
		)
			return refuse('a context names a cluster or a user that is not there');
	if (!contexts.some(({ name }) => name === rest['current-context']))
		return refuse('current-context names a context that is not there');
	for (const { user } of users)
		if (!hasCredentials(user))
			return refuse(
				'each user needs a token, client-certificate-data with client-key-data, or username with password',
			);
	return ok(undefined);
}

function hasCredentials(user: z.output<typeof User>): boolean {
	const { token, username, password } = user;
	const pair = [user['client-certificate-data'], user['client-key-data']];
	const whole = (parts: readonly unknown[]) => parts.every((part) => part !== undefined);
	const none = (parts: readonly unknown[]) => parts.every((part) => part === undefined);
	const login = [username, password];
	if (![pair, login].every((parts) => whole(parts) || none(parts))) return false;
	return token !== undefined || whole(pair) || whole(login);
}
