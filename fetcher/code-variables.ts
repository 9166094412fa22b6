import { codeEffectOf } from '../contract/code-variables.ts';
import { ENVIRONMENT_FORMATS } from '../contract/formats.ts';
import type { SelectedSecret } from './select.ts';
import type { Settings } from './settings.ts';
import { originText } from './tiers.ts';

/**
 * A sentence for each secret that would become a variable by which programs run code. Skips variables that
 * the pod allows.
 */
export function codeVariables(
	secrets: readonly SelectedSecret[],
	{ formats, allow }: Pick<Settings, 'formats' | 'allow'>,
): readonly string[] {
	const becomes = formats.filter((format) => ENVIRONMENT_FORMATS.includes(format));
	if (becomes.length === 0) return [];
	return secrets.flatMap(({ key, source = key, origin }) => {
		const effect = allow.includes(key) ? undefined : codeEffectOf(key);
		if (effect === undefined) return [];
		const renamed = source === key ? '' : `becomes ${key}, which `;
		return [`${source} ${originText(origin)} ${renamed}${effect} (format ${becomes.join(', ')})`];
	});
}
