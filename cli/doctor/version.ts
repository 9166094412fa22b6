import { nativeEnvOf } from '../../webhook/admission/native-env.ts';
import { bad, type Check, good, warn } from './check.ts';

/** The first minor version in which matchConditions are stable and always on (KEP-3716). */
const MATCH_CONDITIONS_MINOR = 30;

/** Checks whether the version of the API server is supported. */
export function versionChecks({ major, minor }: { major: string; minor: string }): readonly Check[] {
	const number = Number.parseInt(minor, 10);
	const name = `Kubernetes ${major}.${number}`;
	const old = Number(major) === 1 && number < MATCH_CONDITIONS_MINOR;
	const native = nativeEnvOf({ major, minor });
	return [
		old
			? bad(
					'kubernetes-version',
					`${name} may ignore matchConditions, so that an outage of the webhook stops every pod`,
					`upgrade to Kubernetes 1.${MATCH_CONDITIONS_MINOR} or newer`,
				)
			: good('kubernetes-version', `${name} knows matchConditions`),
		native.ok
			? good('native-env', `${name} hands over native environment variables (envtier.dev/env)`)
			: warn(
					'native-env',
					`${name} has no native environment variables: pods with envtier.dev/env are refused`,
					'source the file instead, or upgrade to Kubernetes 1.35',
				),
	];
}
