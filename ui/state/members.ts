import { err, ok, type Result } from '../../contract/result.ts';

/** A member of a deployment. */
export interface Member {
	readonly member: string;
	readonly role: string;
	readonly by: string;
	readonly at: string;
}

/** The members of a deployment. */
export interface Members {
	readonly org: string;
	readonly owner: string;
	readonly members: readonly Member[];
}

/** The roles in a deployment, and what each may do there, in the words of the page. */
export const ROLES = [
	['viewer', 'sees keys, versions and who changed them; no values'],
	[
		'developer',
		'also changes and deletes secrets, and may read values where the Reveal program is installed',
	],
	['manager', 'also adds and removes members, transfers the deployment, and reads its audit'],
] as const;

/** True for a member who can read values, where the Reveal program is installed. */
export function canRead({ role, member }: Member): boolean {
	return role !== 'viewer' && !member.startsWith('email:');
}

/** What somebody types as a member: a name alone is the subject of a person, an address is an invitation. */
export function memberOf(text: string): Result<string> {
	const trimmed = text.trim();
	if (trimmed === '') return err('Type a name, an e-mail address or a group.');
	if (/^(?:user|kubernetes|group|kubernetes-group|email):./.test(trimmed)) return ok(trimmed);
	return ok(/^[^\s@]+@[^\s@]+$/.test(trimmed) ? `email:${trimmed}` : `user:${trimmed}`);
}

/** Who a member is, in plain words. */
export function memberText(member: string): string {
	const [kind = '', ...rest] = member.split(':');
	const name = rest.join(':');
	const kinds: Readonly<Record<string, string>> = {
		user: name,
		email: `${name} (invited)`,
		group: `everybody in the group ${name}`,
		kubernetes: `${name} (Kubernetes)`,
		'kubernetes-group': `everybody in the Kubernetes group ${name}`,
	};
	return kinds[kind] ?? member;
}
