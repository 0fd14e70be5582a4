{{- define "oddflow.name" -}}
{{- if contains "oddflow" .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-oddflow" .Release.Name | trunc 40 | trimSuffix "-" }}{{ end }}
{{- end }}

{{/* Of a part, such as `daemon`: (list . "daemon"). */}}
{{- define "oddflow.selector" -}}
app.kubernetes.io/name: oddflow
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- define "oddflow.labels" -}}
{{ include "oddflow.selector" . }}
app.kubernetes.io/version: {{ (index . 0).Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ (index . 0).Release.Service }}
helm.sh/chart: {{ printf "%s-%s" (index . 0).Chart.Name (index . 0).Chart.Version }}
{{- end }}

{{- define "oddflow.image" -}}
{{- $image := index (index . 0).Values.image (index . 1) -}}
{{- if $image.digest }}{{ printf "%s@%s" $image.repository $image.digest | quote }}
{{- else }}{{ printf "%s:%s" $image.repository (default (index . 0).Chart.AppVersion $image.tag) | quote }}{{ end }}
{{- end }}

{{- define "oddflow.account" -}}
{{- default (ternary (include "oddflow.name" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name }}
{{- end }}

{{/* The claim of a place: its own, one that exists, or nothing where the place has an URL. */}}
{{- define "oddflow.claim" -}}
{{- $place := index (index . 0).Values (index . 1) -}}
{{- if not $place.url }}{{ default (printf "%s-%s" (include "oddflow.name" (index . 0)) (index . 1)) $place.existingClaim }}{{ end }}
{{- end }}

{{- define "oddflow.volume" -}}
{{- with include "oddflow.claim" . }}
- name: {{ index $ 1 }}
  persistentVolumeClaim: {claimName: {{ . }}}
{{- end }}
{{- end }}

{{/* Where a place is mounted: (list . "registry" readOnly). */}}
{{- define "oddflow.mount" -}}
{{- if include "oddflow.claim" . }}
- {name: {{ index . 1 }}, mountPath: /{{ index . 1 }}, readOnly: {{ index . 2 }}}
{{- end }}
{{- end }}

{{- define "oddflow.placeUrl" -}}
{{- default (printf "/%s" (index . 1)) (index (index . 0).Values (index . 1)).url | quote }}
{{- end }}

{{/* What `secretFiles` gives a part, as JSON: (list . "daemon"). */}}
{{- define "oddflow.files" -}}
{{- $part := index . 1 -}}
{{- $mine := list -}}
{{- range (index . 0).Values.secretFiles }}
{{- if has $part (default (list $part) .parts) }}{{ $mine = append $mine . }}{{ end }}
{{- end }}
{{- dict "files" $mine | toJson }}
{{- end }}

{{- define "oddflow.filesEnv" -}}
{{- range (include "oddflow.files" . | fromJson).files }}
{{- if .setting }}
- {name: ODDFLOW_{{ .setting | replace "." "__" | upper }}, value: /secrets/{{ .secret }}/{{ .key }}}
{{- end }}
{{- end }}
{{- end }}

{{- define "oddflow.filesMount" -}}
{{- if (include "oddflow.files" . | fromJson).files }}
- {name: secrets, mountPath: /secrets, readOnly: true}
{{- end }}
{{- end }}

{{/* One volume of the keys that are named and of no others; a file of two settings is laid once. */}}
{{- define "oddflow.filesVolume" -}}
{{- $laid := dict }}
{{- range (include "oddflow.files" . | fromJson).files }}
{{- $_ := set $laid (printf "%s/%s" .secret .key) . }}
{{- end }}
{{- with $laid }}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      {{- range $path, $file := . }}
      - secret: {name: {{ $file.secret }}, items: [{key: {{ $file.key }}, path: {{ $path }}}]}
      {{- end }}
{{- end }}
{{- end }}

{{- define "oddflow.env" -}}
- {name: ODDFLOW_CONFIG, value: /etc/oddflow/oddflow.toml}
- {name: ODDFLOW_INPUT__TOPIC, value: {{ .Values.input.topic | quote }}}
- {name: ODDFLOW_INPUT__FORMAT, value: {{ .Values.input.format | quote }}}
- {name: ODDFLOW_KAFKA__BOOTSTRAP_SERVERS, value: {{ .Values.kafka.bootstrapServers | quote }}}
- {name: ODDFLOW_KAFKA__GROUP, value: {{ .Values.kafka.group | quote }}}
{{- with .Values.kafka.existingSecret }}
- name: ODDFLOW_KAFKA__SASL_PASSWORD
  valueFrom:
    secretKeyRef: {name: {{ . }}, key: {{ $.Values.kafka.passwordKey }}}
{{- end }}
{{- end }}

{{- define "oddflow.pod" -}}
enableServiceLinks: false
automountServiceAccountToken: false
serviceAccountName: {{ include "oddflow.account" . }}
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- end }}

{{/* For set-ups that look for these; the Prometheus operator does not: (list . 9464). */}}
{{- define "oddflow.scraped" -}}
{{- if not (index . 0).Values.monitoring.serviceMonitor.enabled -}}
prometheus.io/scrape: "true"
prometheus.io/port: {{ index . 1 | quote }}
{{- end }}
{{- end }}

{{- define "oddflow.rights" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "oddflow.placing" -}}
{{- range $key := list "nodeSelector" "tolerations" "affinity" "topologySpreadConstraints" }}
{{- with index $ $key }}
{{ $key }}:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
{{- end }}

{{- define "oddflow.triageEnv" -}}
{{- $database := .Values.triage.database -}}
{{ include "oddflow.env" . }}
- {name: ODDFLOW_TRIAGE__DATABASE, value: {{ default "sqlite:////database/triage.db" $database.url | quote }}}
{{- with $database.existingSecret }}
- name: ODDFLOW_TRIAGE__DATABASE_PASSWORD
  valueFrom:
    secretKeyRef: {name: {{ . }}, key: {{ $database.passwordKey }}}
{{- end }}
- {name: ODDFLOW_TRIAGE__HOST, value: 0.0.0.0}
- {name: ODDFLOW_TRIAGE__HOST_NAMES, value: {{ list (printf "%s-triage" (include "oddflow.name" .)) | toJson | squote }}}
- {name: ODDFLOW_TRIAGE__PUBLIC_URL, value: {{ .Values.triage.publicUrl | quote }}}
{{- include "oddflow.filesEnv" (list . "triage") }}
{{- end }}

{{- define "oddflow.triageMounts" -}}
- {name: settings, mountPath: /etc/oddflow, readOnly: true}
{{- if not .Values.triage.database.url }}
- {name: database, mountPath: /database}
{{- end }}
{{- include "oddflow.filesMount" (list . "triage") }}
{{- end }}
