import { tierPath } from '../../contract/tiers.ts';

/** The names of a secret, as the address has them. The ones that it lacks are empty. */
interface Named {
	readonly deployment: string;
	readonly service: string;
	readonly org: string;
	readonly key: string;
}

/**
 * True if an id names the very secret that the page shows. Otherwise a link could say one key and restore
 * another. An id holds the path of its secret (`api/secrets/secret-location.ts`).
 */
export function isIdOf(id: string, { deployment, service, org, key }: Named): boolean {
	const tier = org !== '' ? 'org' : service === '' ? 'deployment' : 'service';
	const path = `${tierPath(tier, { org, deployment, service })}/${key}`;
	const text = decoded(id.slice(3));
	if (id.startsWith('s1_')) return text === path;
	return id.startsWith('s2_') && text?.slice(text.indexOf(' ') + 1) === path;
}

function decoded(base64url: string): string | undefined {
	try {
		return atob(base64url.replaceAll('-', '+').replaceAll('_', '/'));
	} catch {
		return undefined;
	}
}
