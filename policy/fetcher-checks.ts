import type { V1VolumeMount } from '@kubernetes/client-node';
import {
	CONTROL_PREFIXES,
	CONTROL_VARIABLES,
	type SECURITY_FIELDS,
} from '../webhook/patch/fetcher-fields.ts';
import { celOf, literal, literals } from './cel.ts';
import { envOf, isOurVolume, isShort, mountsOf, walked } from './pod.ts';

/** How operations are written. */
export interface Operations {
	readonly add: (path: string, value: string) => string;
	readonly remove: (path: string) => string;
}

const FETCHER = 'variables.fetcher';

/** Resets the variables of a fetcher that control it. Does not change other variables. */
export function decidingEnv({ add, remove }: Operations): string {
	const list = "variables.path + '/env'";
	const prefixes = CONTROL_PREFIXES.map((prefix) => `variable.name.startsWith(${literal(prefix)})`);
	const controlsFetcher = `(${[...prefixes, `variable.name in ${literals(CONTROL_VARIABLES)}`].join(' || ')})`;
	const is = (each: string, other: string): string =>
		`${each}.name == ${other}.name && !has(${each}.valueFrom) && ${each}.?value.orValue('') == ${other}.?value.orValue('')`;
	// Of equal ones the first stays where it is, as in the webhook.
	const isFirst = `${envOf(FETCHER)}.transformList(j, one, j < i && ${is('one', 'variable')}, j).size() == 0`;
	const isExpected = `variables.env.exists(ours, ${is('variable', 'ours')}) && ${isFirst}`;
	return `(!has(${FETCHER}.env) ? [${add(list, 'variables.env')}] : (
  ${envOf(FETCHER)}.transformList(i, variable, ${controlsFetcher} && !(${isExpected}), i).reverse().map(i, ${remove(`${list} + '/' + string(i)`)}) +
  variables.env.filter(ours, !${envOf(FETCHER)}.exists(variable, ${is('variable', 'ours')}))
    .map(ours, ${add(`${list} + '/-'`, 'ours')})))`;
}

/** Resets the mounts of our volumes in a fetcher, and removes other mounts that hide them. */
export function fetcherMounts(expected: readonly V1VolumeMount[], { add, remove }: Operations): string {
	const list = "variables.path + '/volumeMounts'";
	const isPlain =
		"!has(mount.subPath) && !has(mount.subPathExpr) && mount.?mountPropagation.orValue('None') == 'None'";
	const is = ({ name, mountPath, readOnly }: V1VolumeMount): string =>
		`(mount.name == ${literal(name)} && mount.mountPath == ${literal(mountPath)} && mount.?readOnly.orValue(false) == ${readOnly === true} && ${isPlain})`;
	const obstructs = expected.map(({ mountPath }) => {
		const [ours, theirs] = [walked(literal(mountPath)), walked('mount.mountPath')];
		return `${theirs}.startsWith(${ours}) || (mount.?readOnly.orValue(false) && ${ours}.startsWith(${theirs}))`;
	});
	const isLooked = `(${[isOurVolume('mount.name'), `!${isShort('mount.mountPath')}`, ...obstructs].join(' ||\n      ')})`;
	return `(!has(${FETCHER}.volumeMounts) ? [${add(list, celOf(expected))}] : (
  ${mountsOf(FETCHER)}.transformList(i, mount, ${isLooked} &&
    !(${expected.map(is).join(' ||\n      ')}), i).reverse().map(i, ${remove(`${list} + '/' + string(i)`)}) +
  ${expected.map((mount) => `(${mountsOf(FETCHER)}.exists(mount, ${is(mount)}) ? [] : [${add(`${list} + '/-'`, celOf(mount))}])`).join(' +\n  ')}))`;
}

type Checked<T> = {
	readonly [K in keyof T]: T[K] extends { rule: 'checked' | 'removed' } ? K : never;
}[keyof T];

/**
 * Whether a field of a fetcher's security context may stay as it is; the same as the webhook's
 * `SECURITY_CHECKS`.
 */
export const SECURITY_CHECKS: {
	readonly [K in Checked<typeof SECURITY_FIELDS>]: (context: string) => string;
} = {
	privileged: (context) => `!${context}.?privileged.orValue(false)`,
	capabilities: (context) =>
		`${context}.?capabilities.?add.orValue([]).size() == 0 && 'ALL' in ${context}.?capabilities.?drop.orValue([])`,
	seccompProfile: (context) =>
		`${context}.?seccompProfile.?type.orValue('') in ['RuntimeDefault', 'Localhost']`,
	appArmorProfile: (context) => `${context}.?appArmorProfile.?type.orValue('') != 'Unconfined'`,
	procMount: (context) => `${context}.?procMount.orValue('Default') == 'Default'`,
	windowsOptions: (context) => `${context}.?windowsOptions.orValue({}).size() == 0`,
};
