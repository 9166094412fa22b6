import { item, type Json, list, object, text } from './json.ts';

/** The node label of the operating system, and its name before Kubernetes 1.14 (Kubernetes docs, "Well-Known Labels"). */
const OS_LABELS: readonly string[] = ['kubernetes.io/os', 'beta.kubernetes.io/os'];
/** Only nodes on Windows have it. */
const BUILD_LABEL = 'node.kubernetes.io/windows-build';

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

/** The terms of the node affinity that a pod insists on: one of them has to hold, with all of its requirements. */
function requiredTerms(spec: Json): readonly (readonly boolean[])[] {
	const at = 'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution';
	const affinity = object(
		object(spec['affinity'], 'spec.affinity')['nodeAffinity'],
		'spec.affinity.nodeAffinity',
	);
	const required = object(affinity['requiredDuringSchedulingIgnoredDuringExecution'], at);
	const terms = list(required['nodeSelectorTerms'], `${at}.nodeSelectorTerms`) ?? [];
	return terms.map((value, i) => {
		const path = `${at}.nodeSelectorTerms[${i}]`;
		const expressions = list(item(value, path)['matchExpressions'], `${path}.matchExpressions`) ?? [];
		return expressions.map((expression, j) => {
			const where = `${path}.matchExpressions[${j}]`;
			return excludesLinux(item(expression, where), where);
		});
	});
}

/** Whether the node selector leaves no node on Linux. */
function selectsWindows(spec: Json): boolean {
	const selector = object(spec['nodeSelector'], 'spec.nodeSelector');
	return OS_LABELS.some((label) => selector[label] === 'windows') || Object.hasOwn(selector, BUILD_LABEL);
}

function isHostProcess(security: Json, path: string): boolean {
	return object(security['windowsOptions'], `${path}.windowsOptions`)['hostProcess'] === true;
}

/**
 * Whether a pod can run on Windows nodes alone. `spec.os` says it outright; without it, the node selector, every term of the required
 * node affinity, or host processes, which only Windows has. A pod that may be scheduled to Linux as well is not one.
 * Throws `Malformed`.
 */
export function runsOnWindows(spec: Json): boolean {
	const os = object(spec['os'], 'spec.os')['name'];
	if (os !== undefined) return os === 'windows';
	if (selectsWindows(spec)) return true;
	const terms = requiredTerms(spec);
	if (terms.length > 0 && terms.every((requirements) => requirements.includes(true))) return true;
	return isHostProcess(object(spec['securityContext'], 'spec.securityContext'), 'spec.securityContext');
}
