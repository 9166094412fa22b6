import { Failure } from './failure.ts';
import type { Vault } from './vault.ts';

/** The login of the current token. */
export interface LoginContext {
	readonly vault: Vault;
	readonly authMount: string;
	readonly role: string;
	/** Vault namespace. */
	readonly namespace: string | undefined;
}

/** A request that Vault refused. */
export interface RefusedRead {
	/** Completes "Vault refuses …". */
	readonly what: string;
	/** Policy lines that would allow it. */
	readonly rules: readonly string[];
	/** Another possible cause, as a question. */
	readonly question?: string;
}

/**
 * Explains why Vault refused to list or read. Vault returns the same 403 for a missing policy and for a token
 * that has expired or has no uses left. A second request shows which of them is the cause.
 */
export async function explainReadRefusal(login: LoginContext, refused: RefusedRead): Promise<Failure> {
	const { vault, authMount, role, namespace } = login;
	const { what, rules, question } = refused;
	const place = namespace === undefined ? '' : ` in the Vault namespace "${namespace}"`;
	const policy = `a policy of the role "${role}" needs${place}: ${rules.join(' ')}`;
	const refuses = (why: string, cure: string): Failure =>
		new Failure('read-refused', `Vault refuses ${what}${why}`, { cure });
	const self = await vault.tryRead('auth/token/lookup-self');
	if (self.kind !== 'refused')
		return question === undefined
			? refuses('', `if the pod is to read it, ${policy}`)
			: refuses(`: ${question}`, `if so, ${policy}`);
	const { limit, used } = vault.tokenUses();
	if (limit > 0 && used >= limit)
		return refuses(
			`: its token is used up, for the role "${role}" allows ${limit} ${limit === 1 ? 'use' : 'uses'} (token_num_uses)`,
			`set token_num_uses of auth/${authMount}/role/${role} to 0: each list and each key takes one use`,
		);
	return refuses(
		': it does not know the token any more that it gave at the login: the token was revoked, or Vault has lost its storage',
		`create the pod again; if that fails too, ${policy}`,
	);
}
