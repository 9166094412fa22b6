import { item, type Json, list, object, text } from './json.ts';

/**
 * The node label of the operating system, and its name before Kubernetes 1.14 (Kubernetes docs, "Well-Known
 * Labels").
 */
export const OS_LABELS: readonly string[] = ['kubernetes.io/os', 'beta.kubernetes.io/os'];
/** Only nodes on Windows have it. */
export const BUILD_LABEL = 'node.kubernetes.io/windows-build';

/** Whether a requirement on a node's labels leaves no node on Linux. */
function excludesLinux(requirement: Json, path: string): boolean {
	const key = text(requirement['key'], `${path}.key`) ?? '';
	const operator = text(requirement['operator'], `${path}.operator`);
	const values = list(requirement['values'], `${path}.values`) ?? [];
	if (key === BUILD_LABEL) return operator !== 'DoesNotExist' && operator !== 'NotIn';
	if (!OS_LABELS.includes(key)) return false;
	if (operator === 'In') return values.includes('windows') && !values.includes('linux');
	return operator === 'NotIn' && values.includes('linux') && !values.includes('windows');
}

/**
 * The terms of the required node affinity. One of them must match, with all of its requirements. A term
 * without requirements matches no node (Kubernetes API, NodeSelectorTerm), so it is left out.
 */
function requiredTerms(spec: Json): readonly (readonly boolean[])[] {
	const at = 'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution';
	const affinity = object(
		object(spec['affinity'], 'spec.affinity')['nodeAffinity'],
		'spec.affinity.nodeAffinity',
	);
	const required = object(affinity['requiredDuringSchedulingIgnoredDuringExecution'], at);
	const terms = list(required['nodeSelectorTerms'], `${at}.nodeSelectorTerms`) ?? [];
	return terms.flatMap((value, i) => {
		const path = `${at}.nodeSelectorTerms[${i}]`;
		const term = item(value, path);
		const expressions = list(term['matchExpressions'], `${path}.matchExpressions`) ?? [];
		const fields = list(term['matchFields'], `${path}.matchFields`) ?? [];
		if (expressions.length + fields.length === 0) return [];
		const requirements = expressions.map((expression, j) => {
			const where = `${path}.matchExpressions[${j}]`;
			return excludesLinux(item(expression, where), where);
		});
		return [requirements];
	});
}

/** Whether the node selector leaves no node on Linux. */
function selectsWindows(spec: Json): boolean {
	const selector = object(spec['nodeSelector'], 'spec.nodeSelector');
	return OS_LABELS.some((label) => selector[label] === 'windows') || Object.hasOwn(selector, BUILD_LABEL);
}

/** The `hostProcess` field of a `securityContext`; undefined if it is not set. */
function hostProcess(value: unknown, path: string): boolean | undefined {
	const options = object(object(value, path)['windowsOptions'], `${path}.windowsOptions`);
	const own = options['hostProcess'];
	return typeof own === 'boolean' ? own : undefined;
}

/**
 * Whether a container is a host process, which exists on Windows only. The container's setting overrides the
 * pod's.
 */
function hasHostProcess(spec: Json): boolean {
	const ofPod = hostProcess(spec['securityContext'], 'spec.securityContext') ?? false;
	return ['containers', 'initContainers'].some((field) =>
		(list(spec[field], `spec.${field}`) ?? []).some((container, i) => {
			const path = `spec.${field}[${i}]`;
			return hostProcess(item(container, path)['securityContext'], `${path}.securityContext`) ?? ofPod;
		}),
	);
}

/**
 * Whether a pod can run on Windows nodes only: by `spec.os`, else by the node selector, every term of the
 * required node affinity, or host processes. False for a pod that can also run on Linux. Throws `Malformed`.
 */
export function runsOnWindows(spec: Json): boolean {
	const os = object(spec['os'], 'spec.os')['name'];
	if (os !== undefined) return os === 'windows';
	if (selectsWindows(spec)) return true;
	const terms = requiredTerms(spec);
	if (terms.length > 0 && terms.every((requirements) => requirements.includes(true))) return true;
	return hasHostProcess(spec);
}
