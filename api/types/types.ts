import { type SecretTypeName, typeInfo } from '../../contract/secret-types.ts';
import { aws, azure, gcp } from './cloud.ts';
import { generic } from './generic.ts';
import { kubeconfig } from './kubeconfig.ts';
import { password } from './password.ts';
import { ssh } from './ssh.ts';
import { tls } from './tls.ts';
import type { TypeRules } from './type-rules.ts';
import { userpass } from './userpass.ts';

const RULES: Readonly<Record<SecretTypeName, TypeRules>> = {
	generic,
	password,
	userpass,
	tls,
	ssh,
	aws,
	gcp,
	azure,
	kubeconfig,
};

/** The rules of a type. */
export function rulesOf(type: SecretTypeName): TypeRules {
	return RULES[type];
}

/** The only part of a type with one key; undefined for other types. */
export function onlyPartOf(type: SecretTypeName): string | undefined {
	const parts = Object.keys(typeInfo(type).keys);
	return parts.length === 1 ? parts[0] : undefined;
}
