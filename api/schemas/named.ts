import { z } from 'zod';
import { AuditEntry, AuditLines, AuditLoaded, AuditPage, AuditQuery } from './audit.ts';
import { Problem } from './common.ts';
import { ApiKey, ApiKeyId, ApiKeyList, CreatedApiKey, NewApiKey } from './keys.ts';
import {
	InvitationAnswer,
	InvitationList,
	MemberInput,
	MemberName,
	Members,
	NewTransfer,
} from './members.ts';
import {
	ChangedSecret,
	CreatedOrgSecret,
	CreatedSecret,
	Deleted,
	NewOrgSecret,
	NewSecret,
	OrgSecret,
	OrgSecretList,
	Secret,
	SecretId,
	SecretList,
	SecretQuery,
	Updated,
} from './secrets.ts';
import {
	CreatedDeployment,
	Deployment,
	DeploymentDeletion,
	DeploymentList,
	NewDeployment,
	NewTemplate,
	Template,
	TemplateDetail,
	TemplateList,
	TemplateName,
	TemplateQuery,
	TemplateSharing,
	WrittenTemplate,
} from './templates.ts';
import { WhoAmI } from './whoami.ts';

/** Accepts no fields: for calls without body and query. */
export const Nothing = z.strictObject({});

/** Every schema of the OpenAPI document, by its name there. */
export const SCHEMAS = {
	Problem,
	Nothing,
	Updated,
	Deleted,
	Secret,
	SecretList,
	SecretQuery,
	NewSecret,
	CreatedSecret,
	ChangedSecret,
	SecretId,
	OrgSecret,
	OrgSecretList,
	NewOrgSecret,
	CreatedOrgSecret,
	Template,
	TemplateList,
	TemplateDetail,
	NewTemplate,
	TemplateName,
	TemplateQuery,
	WrittenTemplate,
	TemplateSharing,
	Deployment,
	DeploymentList,
	DeploymentDeletion,
	NewDeployment,
	CreatedDeployment,
	Members,
	MemberInput,
	MemberName,
	NewTransfer,
	InvitationList,
	InvitationAnswer,
	ApiKey,
	ApiKeyList,
	NewApiKey,
	ApiKeyId,
	CreatedApiKey,
	WhoAmI,
	AuditQuery,
	AuditEntry,
	AuditPage,
	AuditLines,
	AuditLoaded,
} as const;
/** The name of a schema in `SCHEMAS`. */
export type SchemaName = keyof typeof SCHEMAS;
