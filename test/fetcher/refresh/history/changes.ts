import { readFile } from 'node:fs/promises';
import {
	deleteSecret,
	destroySecret,
	must,
	putSecret,
	removeSecret,
} from '../../../support/openbao-setup.ts';
import type { World } from '../support/world.ts';

const TIERS = ['deployment', 'service'] as const;
const KEYS = ['LEVEL', 'OTHER', 'THIRD'] as const;

type Tier = (typeof TIERS)[number];
type Key = (typeof KEYS)[number];

/** One version of a key in a tier. */
interface Version {
	readonly value: string;
	gone: 'deleted' | 'destroyed' | undefined;
}

/** Changes secrets at random, and knows what a pod must get after each change. */
export interface Changer {
	/** Makes one change in Vault. */
	change(): Promise<void>;
	/** What a pod gets, before the first change and after each. */
	readonly states: readonly Readonly<Record<string, string>>[];
}

/** @param random numbers from 0 up to but not including 1 */
export function makeChanger(world: World, random: () => number): Changer {
	const { vault, path } = world;
	const tiers: Record<Tier, Map<Key, Version[]>> = { deployment: new Map(), service: new Map() };
	const write = (tier: Tier, key: Key, value: string): void => {
		const versions = tiers[tier].get(key) ?? [];
		tiers[tier].set(key, [...versions, { value, gone: undefined }]);
	};
	// As `makeWorld` writes them.
	write('deployment', 'LEVEL', 'deployment-1');
	write('service', 'LEVEL', 'service-1');
	write('service', 'OTHER', 'other-1');
	const effective = (): Readonly<Record<string, string>> => {
		const found: Record<string, string> = {};
		for (const tier of TIERS)
			for (const [key, versions] of tiers[tier]) {
				const current = versions.at(-1);
				if (current !== undefined && current.gone === undefined) found[key] = current.value;
			}
		return found;
	};
	const states = [effective()];
	const pick = <T>(all: readonly T[]): T => all[Math.floor(random() * all.length)] as T;
	let count = 0;

	const put = async (tier: Tier, key: Key): Promise<void> => {
		count += 1;
		const value = `${key}-${tier}-${count}`;
		await putSecret(vault, path(key, tier), value);
		write(tier, key, value);
	};
	const change = async (tier: Tier, key: Key, what: number): Promise<void> => {
		const versions = tiers[tier].get(key);
		const current = versions?.at(-1);
		if (versions === undefined || current === undefined || what < 0.5) return await put(tier, key);
		const at = path(key, tier);
		const number = versions.length;
		if (what < 0.6) {
			await removeSecret(vault, at);
			tiers[tier].delete(key);
		} else if (current.gone === 'deleted') {
			await must(vault, 'PUT', `secret/undelete/${at}`, { body: { versions: [number] } });
			current.gone = undefined;
		} else if (current.gone === 'destroyed') {
			await put(tier, key);
		} else if (what < 0.85) {
			await deleteSecret(vault, at);
			current.gone = 'deleted';
		} else {
			await destroySecret(vault, at, [number]);
			current.gone = 'destroyed';
		}
	};
	return {
		states,
		change: async () => {
			await change(pick(TIERS), pick(KEYS), random());
			states.push(effective());
		},
	};
}

/** When Vault took a request and when it had answered, by its audit log, in ms. */
export interface AuditedChange {
	readonly from: number;
	readonly to: number;
}

/** All changes below a folder in the audit log, in order. */
export async function auditedChanges(file: string, folder: string): Promise<readonly AuditedChange[]> {
	const found = new Map<string, { from: number; to: number }>();
	for (const line of (await readFile(file, 'utf8')).split('\n')) {
		if (!line.includes(folder)) continue;
		const { type, time, request } = JSON.parse(line) as {
			readonly type: string;
			readonly time: string;
			readonly request: { readonly id: string; readonly operation: string; readonly path: string };
		};
		if (!/^secret\/(?:data|undelete|destroy|metadata)\//.test(request.path)) continue;
		if (!['create', 'update', 'delete'].includes(request.operation)) continue;
		const at = Date.parse(time);
		const entry = found.get(request.id) ?? { from: at, to: at };
		found.set(request.id, type === 'response' ? { ...entry, to: at } : entry);
	}
	return [...found.values()];
}
