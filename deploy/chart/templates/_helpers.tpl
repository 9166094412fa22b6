{{- define "envtier.name" -}}envtier-webhook{{- end -}}

{{- define "envtier.selector" -}}
app.kubernetes.io/name: {{ include "envtier.name" . }}
{{- end -}}

{{- define "envtier.labels" -}}
app.kubernetes.io/part-of: envtier
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* The full name of an image; takes the chart's root and one of .Values.images. */}}
{{- define "envtier.image" -}}
{{- $root := index . 0 -}}{{- $image := index . 1 -}}
{{- if $image.digest -}}{{ $image.repository }}@{{ $image.digest }}
{{- else -}}{{ $image.repository }}:{{ $image.tag | default $root.Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/* The content of the ConfigMap: all settings that are not empty, except those of the container itself. */}}
{{- define "envtier.settings" -}}
{{- $own := list "ENVTIER_LISTEN" "ENVTIER_CERTIFICATES" "ENVTIER_TLS_CERT_FILE" "ENVTIER_TLS_KEY_FILE" -}}
{{- $image := include "envtier.image" (list . .Values.images.fetcher) -}}
{{- $all := merge (dict "ENVTIER_FETCHER_IMAGE" (.Values.settings.ENVTIER_FETCHER_IMAGE | default $image)) (omit .Values.settings "ENVTIER_FETCHER_IMAGE") -}}
{{- if and (include "envtier.selfManaged" .) (ne .Release.Namespace "envtier-system") -}}
{{- $all = set $all "ENVTIER_CERTIFICATES_SECRET" (include "envtier.certificatesSecret" .) -}}
{{- $name := printf "%s.%s.svc" (include "envtier.name" .) .Release.Namespace -}}
{{- $all = set $all "ENVTIER_CERTIFICATES_NAMES" (.Values.settings.ENVTIER_CERTIFICATES_NAMES | default $name) -}}
{{- end -}}
{{- range $name, $value := $all -}}
{{- $text := toString $value -}}
{{- if and (not (has $name $own)) (ne $text "") }}
{{ $name }}: {{ $text | quote }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* "true" if the webhook manages its certificate itself. */}}
{{- define "envtier.selfManaged" -}}
{{- if eq .Values.settings.ENVTIER_CERTIFICATES "self" -}}
{{- if .Values.tls.certManager.enabled -}}{{ fail "settings.ENVTIER_CERTIFICATES=self and tls.certManager.enabled exclude each other" }}{{- end -}}
true
{{- end -}}
{{- end -}}

{{/* Namespace and name of the Secret with that certificate. */}}
{{- define "envtier.certificatesSecret" -}}
{{- .Values.settings.ENVTIER_CERTIFICATES_SECRET | default (printf "%s/envtier-webhook-certificates" .Release.Namespace) -}}
{{- end -}}

{{- define "envtier.namespaceSelector" -}}
matchExpressions:
  - key: kubernetes.io/metadata.name
    operator: NotIn
    values:
      {{- concat (list "kube-system" "kube-public" "kube-node-lease" .Release.Namespace) .Values.webhookConfiguration.excludedNamespaces | uniq | toYaml | nindent 6 }}
{{- end -}}

{{- define "envtier.caBundle" -}}
{{- if .Values.tls.caBundle -}}{{ .Values.tls.caBundle | b64enc }}
{{- else if .Values.tls.caBundleFromSecret -}}
{{- $secret := lookup "v1" "Secret" .Release.Namespace .Values.tls.secretName -}}
{{- if and $secret (index $secret.data "ca.crt") -}}{{ index $secret.data "ca.crt" }}
{{- else if $secret -}}{{ fail (printf "tls.caBundleFromSecret: the Secret %s/%s has no ca.crt" .Release.Namespace .Values.tls.secretName) }}
{{- else if .Release.IsInstall -}}{{/* `helm template` and dry runs see no cluster. */}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "envtier.apiName" -}}envtier-api{{- end -}}

{{- define "envtier.apiSelector" -}}
app.kubernetes.io/name: {{ include "envtier.apiName" . }}
{{- end -}}

{{/* The content of the API's ConfigMap: all settings that are not empty. */}}
{{- define "envtier.apiSettings" -}}
{{- $all := merge (dict) .Values.api.settings -}}
{{- if and .Values.reveal.enabled (not $all.ENVTIER_API_REVEAL_URL) -}}
{{- /* Beside the Reveal program the API changes nothing of who has access, and its policy does not let it. */ -}}
{{- $own := printf "https://%s.%s.svc" (include "envtier.revealName" .) .Release.Namespace -}}
{{- $all = set $all "ENVTIER_API_REVEAL_URL" (.Values.reveal.url | default $own) -}}
{{- end -}}
{{- range $name, $value := $all -}}
{{- $text := toString $value -}}
{{- if ne $text "" }}
{{ $name }}: {{ $text | quote }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "envtier.revealName" -}}envtier-reveal{{- end -}}

{{- define "envtier.revealSelector" -}}
app.kubernetes.io/name: {{ include "envtier.revealName" . }}
{{- end -}}

{{/* The content of the ConfigMap of the Reveal program: all settings that are not empty. */}}
{{- define "envtier.revealSettings" -}}
{{- range $name, $value := .Values.reveal.settings -}}
{{- $text := toString $value -}}
{{- if ne $text "" }}
{{ $name }}: {{ $text | quote }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* True if the Reveal program asks the cluster about its callers. */}}
{{- define "envtier.revealAsksCluster" -}}
{{- if eq (toString .Values.reveal.settings.ENVTIER_API_KUBERNETES) "true" -}}true{{- end -}}
{{- end -}}

{{/* True if the Reveal program stores its audit lines where the API does. A file of SQLite has one writer. */}}
{{- define "envtier.revealAudits" -}}
{{- if and .Values.api.enabled (eq .Values.api.audit.store "postgres") -}}true{{- end -}}
{{- end -}}

{{- define "envtier.controllerName" -}}envtier-controller{{- end -}}

{{- define "envtier.controllerSelector" -}}
app.kubernetes.io/name: {{ include "envtier.controllerName" . }}
{{- end -}}

{{/* Not empty where the controller rolls workloads: the rights for it are made only then. */}}
{{- define "envtier.controllerRollouts" -}}
{{- if eq (toString .Values.controller.settings.ENVTIER_CONTROLLER_ROLLOUTS) "true" }}true{{ end -}}
{{- end -}}

{{/* Not empty where the controller writes Secrets of ManagedSecrets: their definition and rights are made only then. */}}
{{- define "envtier.controllerManagedSecrets" -}}
{{- if eq (toString .Values.controller.settings.ENVTIER_CONTROLLER_MANAGED_SECRETS) "true" }}true{{ end -}}
{{- end -}}

{{/* The content of the controller's ConfigMap: all settings that are not empty, and its namespace. */}}
{{- define "envtier.controllerSettings" -}}
{{- range $name, $value := .Values.controller.settings -}}
{{- $text := toString $value -}}
{{- if ne $text "" }}
{{ $name }}: {{ $text | quote }}
{{- end -}}
{{- end }}
{{- if ne .Release.Namespace "envtier-system" }}
ENVTIER_CONTROLLER_NAMESPACE: {{ .Release.Namespace }}
{{- end -}}
{{- end -}}

{{/*
Variables of the audit store. The argument is a list of the context and the key of the Secret with the address.
*/}}
{{- define "envtier.auditEnv" -}}
{{- $root := index . 0 -}}
{{- $audit := $root.Values.api.audit -}}
{{- if eq $audit.store "sqlite" -}}
- name: ENVTIER_API_AUDIT_STORE
  value: sqlite:/var/lib/envtier/audit.db
{{- else -}}
- name: ENVTIER_API_AUDIT_STORE
  valueFrom:
    secretKeyRef:
      name: {{ $audit.postgres.secretName }}
      key: {{ index . 1 }}
{{- with $audit.postgres.ca }}
- name: ENVTIER_API_AUDIT_STORE_CA
  value: {{ . | quote }}
{{- end }}
{{- end }}
- name: ENVTIER_API_AUDIT_RETENTION
  value: {{ $audit.retention | quote }}
{{- end -}}

{{/* The pod of a task of the audit store. The argument is a list of the context and the arguments. */}}
{{- define "envtier.auditPod" -}}
{{- $root := index . 0 -}}
restartPolicy: OnFailure
automountServiceAccountToken: false
enableServiceLinks: false
{{- with $root.Values.images.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 65532
  runAsGroup: 65532
  seccompProfile:
    type: RuntimeDefault
containers:
  - name: audit
    image: {{ include "envtier.image" (list $root $root.Values.images.api) }}
    args: {{ index . 1 | toJson }}
    env:
      - name: ENVTIER_API_STORE
        value: memory
      {{- include "envtier.auditEnv" (list $root "ownerAddress") | nindent 6 }}
    resources:
      requests: { cpu: 10m, memory: 64Mi }
      limits: { memory: 256Mi }
    securityContext:
      allowPrivilegeEscalation: false
      readOnlyRootFilesystem: true
      capabilities:
        drop: [ALL]
{{- end -}}

{{/* True if the API asks the cluster about its callers. */}}
{{- define "envtier.apiAsksCluster" -}}
{{- if eq (toString .Values.api.settings.ENVTIER_API_KUBERNETES) "true" -}}true{{- end -}}
{{- end -}}

{{/* A Certificate's spec; takes the chart's root, the Service's name and the Secret's. */}}
{{- define "envtier.certificate" -}}
{{- $root := index . 0 -}}{{- $service := index . 1 -}}
secretName: {{ index . 2 }}
commonName: {{ $service }}
dnsNames:
  - {{ $service }}.{{ $root.Release.Namespace }}.svc
  - {{ $service }}.{{ $root.Release.Namespace }}.svc.cluster.local
duration: {{ $root.Values.tls.certManager.duration }}
renewBefore: {{ $root.Values.tls.certManager.renewBefore }}
privateKey:
  algorithm: ECDSA
  size: 256
  rotationPolicy: Always
issuerRef:
  {{- if $root.Values.tls.certManager.issuerRef }}
  {{- toYaml $root.Values.tls.certManager.issuerRef | nindent 2 }}
  {{- else }}
  name: {{ include "envtier.name" $root }}
  kind: Issuer
  {{- end }}
{{- end -}}
