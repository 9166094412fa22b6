import { type Json, object } from '../lib/json.ts';
import { correctSetting } from './advice.ts';
import type { Kv } from './kv.ts';
import { printable } from './text.ts';

/** A wrong setting of the KV mount, and advice. */
export interface MountMistake {
	readonly what: string;
	readonly cure: string;
}

/** The API path that describes a mount. Any token with some access below the mount can read it. */
export const mountPath = ({ mount }: Pick<Kv, 'mount'>): string => `sys/internal/ui/mounts/${mount}`;

/**
 * Compares Vault's description of a mount with the settings. Undefined if they agree.
 *
 * @param data the data of the response to `mountPath`
 */
export function mountMistake({ mount, version }: Kv, data: Json): MountMistake | undefined {
	const { type, path, options } = data;
	const real = typeof path === 'string' ? path.replace(/\/$/, '') : mount;
	if (type !== 'kv' && type !== 'generic')
		return {
			what: `"${mount}/" is a secrets engine of type ${printable(String(type), 40)}, not kv`,
			cure: correctSetting('ENVTIER_VAULT_KV_MOUNT'),
		};
	if (real !== mount)
		return {
			what: `ENVTIER_VAULT_KV_MOUNT is "${mount}", but the KV mount there is "${printable(real, 100)}"`,
			cure: correctSetting('ENVTIER_VAULT_KV_MOUNT', printable(real, 100)),
		};
	const found = object(options)?.['version'] === '2' ? 2 : 1;
	if (found === version) return undefined;
	return {
		what: `"${mount}/" is KV version ${found}, but ENVTIER_VAULT_KV_VERSION is ${version}`,
		cure: correctSetting('ENVTIER_VAULT_KV_VERSION', String(found)),
	};
}
