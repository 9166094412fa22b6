import { parseName } from '../../contract/names.ts';
import { err, ok, type Result } from '../../contract/result.ts';
import { refusalPatch, SHIPPED, webhookPatch, yamlOf } from '../../policy/files.ts';
import { policyObjects } from '../../policy/objects.ts';
import { type Context, fail } from '../context.ts';

/** Options of the command. */
export interface PolicyOptions {
	/** Namespace and name of the ConfigMap. */
	readonly settings: string;
	readonly exclude: readonly string[];
	readonly part: 'objects' | 'webhook-condition' | 'refusals';
}

/** `envtier policy`: writes manifests. */
export function writePolicy(options: PolicyOptions, context: Context): void {
	const text = textOf(options);
	if (text.ok) context.stdout.write(text.value);
	else fail(context, 'usage', text.error);
}

function textOf({ settings, exclude, part }: PolicyOptions): Result<string> {
	const [namespace = '', name = '', ...rest] = settings.split('/');
	if (rest.length > 0 || !parseName(namespace).ok || !parseName(name).ok)
		return err('--settings must be NAMESPACE/NAME of a ConfigMap');
	if (exclude.some((each) => !parseName(each).ok)) return err('--exclude must be the name of a namespace');
	const excludedNamespaces = exclude.length === 0 ? SHIPPED.excludedNamespaces : exclude;
	switch (part) {
		case 'objects':
			return ok(yamlOf(policyObjects({ excludedNamespaces, settings: { namespace, name } })));
		case 'webhook-condition':
			return ok(yamlOf([webhookPatch()]));
		case 'refusals':
			return ok(yamlOf([refusalPatch()]));
		default:
			return part satisfies never;
	}
}
