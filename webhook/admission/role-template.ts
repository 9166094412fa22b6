const PLACEHOLDER = /(\{namespace\}|\{serviceAccount\})/;
const NAMESPACE = '{namespace}';

/**
 * Whether two service accounts can get the same role from a template that has both placeholders. Example:
 * with `{namespace}-{serviceAccount}` account `b-c` of namespace `a` and account `c` of namespace `a-b` get
 * the same role. A template with one placeholder or none is not ambiguous: it shows who shares a role.
 *
 * Namespaces are DNS labels, and service accounts are DNS subdomains (Kubernetes): neither contains "_", and
 * no namespace contains ".". Capital letters separate nothing: Vault's kubernetes auth method stores role
 * names in lower case.
 */
export function isAmbiguousRole(template: string): boolean {
	// "_" splits every role of the template into the same pieces.
	const pieces = template.split('_').map(placeholdersOf);
	if (new Set(pieces.flat()).size < 2) return false;
	// With one of the two names known, the other follows from the rest.
	const known = pieces.some((piece) => new Set(piece).size === 1);
	return !known && !template.split('_').some(endsNamespaceWithDot);
}

function placeholdersOf(text: string): readonly string[] {
	return text.split(PLACEHOLDER).filter((part) => PLACEHOLDER.test(part));
}

/**
 * For `{namespace}.{serviceAccount}` and `{serviceAccount}.{namespace}`: the first or the last dot ends the
 * namespace.
 */
function endsNamespaceWithDot(text: string): boolean {
	const [, first, behind = '', ...rest] = text.split(PLACEHOLDER);
	const [before = '', last] = [behind, ...rest].slice(-3, -1);
	return (first === NAMESPACE && behind.includes('.')) || (last === NAMESPACE && before.includes('.'));
}
