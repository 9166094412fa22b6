import { codeEffectOf } from '../../contract/code-variables.ts';
import { ok, type Result } from '../../contract/result.ts';
import { type Problem, refuse } from '../problem.ts';

/** Maximum number of keys that one refusal names. */
const SHOWN = 10;

/**
 * Refuses new keys that make programs run code, unless the caller insists. Whoever may write such a secret
 * runs code in the pods that allow it, so it must not be created by accident.
 *
 * @param force true when the caller confirms the keys
 */
export function checkCodeKeys(keys: readonly string[], force: boolean): Result<undefined, Problem> {
	const codeKeys = force ? [] : [...new Set(keys)].filter((key) => codeEffectOf(key) !== undefined);
	if (codeKeys.length === 0) return ok(undefined);
	const sentences = codeKeys.slice(0, SHOWN).map((key) => `${key} ${codeEffectOf(key)}`);
	const more = codeKeys.length > SHOWN ? ` (and ${codeKeys.length - SHOWN} more)` : '';
	return refuse(
		400,
		`${sentences.join('; ')}${more}: as an environment variable it runs code in the pods that get it, and pods refuse it unless they name it in envtier.dev/allow. If it is meant, say force: true (envtier: --force)`,
	);
}
