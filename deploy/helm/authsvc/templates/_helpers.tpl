{{- define "authsvc.fullname" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{/* What selects pods: never changed, for Kubernetes lets nobody change it. Give it (list $ component). */}}
{{- define "authsvc.selector" -}}
app.kubernetes.io/name: {{ (index . 0).Chart.Name }}
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end -}}

{{- define "authsvc.labels" -}}
{{ include "authsvc.selector" . }}
app.kubernetes.io/version: {{ (index . 0).Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ (index . 0).Release.Service }}
helm.sh/chart: {{ printf "%s-%s" (index . 0).Chart.Name (index . 0).Chart.Version }}
{{- end -}}

{{- define "authsvc.image" -}}
{{- with .Values.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* Of the drain: requests under way get ten seconds more, and a margin before the kubelet kills. */}}
{{- define "authsvc.grace" -}}
{{- add .Values.drainSeconds 25 -}}
{{- end -}}

{{- define "authsvc.maxReplicas" -}}
{{- ternary .Values.autoscaling.max .Values.replicas .Values.autoscaling.enabled -}}
{{- end -}}

{{- define "authsvc.minReplicas" -}}
{{- ternary .Values.autoscaling.min .Values.replicas .Values.autoscaling.enabled -}}
{{- end -}}

{{- define "authsvc.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end -}}

{{- define "authsvc.containerSecurity" -}}
readOnlyRootFilesystem: true
allowPrivilegeEscalation: false
capabilities: {drop: [ALL]}
{{- end -}}

{{/* Settings of every process. Give it (list $ file-of-the-database-url). */}}
{{- define "authsvc.env" -}}
{{- $ := index . 0 -}}
- {name: AUTHSVC_ISSUER, value: {{ $.Values.issuer | quote }}}
- {name: AUTHSVC_DATABASE_URL_FILE, value: /run/secrets/authsvc/{{ index . 1 }}}
- {name: AUTHSVC_REDIS_URL_FILE, value: /run/secrets/authsvc/redis_url}
- {name: AUTHSVC_MASTER_KEY_FILE, value: /run/secrets/authsvc/master_key}
{{- if $.Values.secrets.smtp }}
- {name: AUTHSVC_SMTP_URL_FILE, value: /run/secrets/authsvc/smtp_url}
{{- end }}
- {name: AUTHSVC_TRUSTED_PROXIES, value: {{ join "," $.Values.trustedProxies | quote }}}
- {name: AUTHSVC_WORKERS, value: {{ $.Values.workers | quote }}}
- {name: AUTHSVC_REPLICAS, value: {{ include "authsvc.maxReplicas" $ | quote }}}
- {name: AUTHSVC_DRAIN_SECONDS, value: {{ $.Values.drainSeconds | quote }}}
{{- with $.Values.traces }}
{{- if .enabled }}
- {name: AUTHSVC_TRACES, value: otlp}
- {name: AUTHSVC_TRACE_PARENTS, value: {{ join " " .parents | quote }}}
- {name: OTEL_EXPORTER_OTLP_ENDPOINT, value: {{ required "traces.endpoint: where is the collector?" .endpoint | quote }}}
- {name: OTEL_TRACES_SAMPLER, value: parentbased_traceidratio}
- {name: OTEL_TRACES_SAMPLER_ARG, value: {{ .ratio | quote }}}
{{- end }}
{{- end }}
{{- range $name, $value := $.Values.settings }}
- {name: {{ $name }}, value: {{ ternary (printf "%.0f" $value) (toString $value) (kindIs "float64" $value) | quote }}}
{{- end }}
{{- with $.Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Where the pod of authsvc, of migrations and of the test may run, and as whom. */}}
{{- define "authsvc.podBasics" -}}
enableServiceLinks: false
automountServiceAccountToken: false
{{- with .Values.serviceAccountName }}
serviceAccountName: {{ . }}
{{- end }}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
{{- range . }}
  - name: {{ . }}
{{- end }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{ toJson . }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{ toJson . }}
{{- end }}
securityContext:
  {{- include "authsvc.podSecurity" . | nindent 2 }}
{{- end -}}

{{- define "authsvc.mounts" -}}
- {name: secrets, mountPath: /run/secrets/authsvc, readOnly: true}
- {name: state, mountPath: /var/lib/authsvc}
- {name: tmp, mountPath: /tmp}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "authsvc.scratch" -}}
- {name: state, emptyDir: {sizeLimit: 16Mi}}
- {name: tmp, emptyDir: {medium: Memory, sizeLimit: 64Mi}}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The Secret's entries that replicas are given, and no others. */}}
{{- define "authsvc.secretItems" -}}
- {key: database_url, path: database_url}
- {key: redis_url, path: redis_url}
- {key: master_key, path: master_key}
{{- if .Values.secrets.smtp }}
- {key: smtp_url, path: smtp_url}
{{- end }}
{{- end -}}

{{/* Volume `secrets` of what runs as the owner of the tables. Give it ($ name). */}}
{{- define "authsvc.ownerVolume" -}}
{{- $ := index . 0 -}}
- name: {{ index . 1 }}
  projected:
    defaultMode: 0440
    sources:
      - secret:
          name: {{ $.Values.secrets.name }}
          items:
            {{- include "authsvc.secretItems" $ | nindent 12 }}
{{- with $.Values.secrets.owner }}
      - secret:
          name: {{ . }}
          items: [{key: owner_url, path: owner_url}]
{{- end }}
{{- end -}}

{{/* The container that migrates. Give it (list $ volume). */}}
{{- define "authsvc.migrateContainer" -}}
{{- $ := index . 0 -}}
name: migrate
image: {{ include "authsvc.image" $ }}
imagePullPolicy: {{ $.Values.image.pullPolicy }}
command: [sh, -c, "authsvc migrate && authsvc keys generate --first"]
securityContext:
  {{- include "authsvc.containerSecurity" $ | nindent 2 }}
env:
  {{- include "authsvc.env" (list $ (ternary "owner_url" "database_url" (ne $.Values.secrets.owner ""))) | nindent 2 }}
resources: {{ toJson $.Values.resources }}
volumeMounts:
  - {name: {{ index . 1 }}, mountPath: /run/secrets/authsvc, readOnly: true}
  - {name: state, mountPath: /var/lib/authsvc}
  - {name: tmp, mountPath: /tmp}
{{- with $.Values.extraVolumeMounts }}
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}
