#!/bin/bash
# Start Ray on one machine of a cluster of your own, as docs/operations.md tells:
#
#   deployments/node.sh head [OPTION OF ray start]...
#   deployments/node.sh worker HEAD[:PORT] [OPTION OF ray start]...
#
# With the settings in ~/.preceptor-node.env, with Ray's token (RAY_AUTH_TOKEN_PATH, default ~/.ray/auth_token), with TLS
# by a certificate of this start (PRECEPTOR_AUTHORITY, default ~/.preceptor-authority), on fixed ports, and without
# telling anybody of its use. It runs the environment's `ray` as a module, so that moved environments work too.
set -euo pipefail
cd "$(dirname "$0")/.."
umask 077

role=${1:?head or worker}
shift
set -a
# shellcheck source=/dev/null
[ ! -e ~/.preceptor-node.env ] || . ~/.preceptor-node.env
set +a
python=.venv/bin/python
address=${NODE_ADDRESS:-$("$python" -c 'import ray; print(ray.util.get_node_ip_address())')}
tls=${PRECEPTOR_NODE_TLS:-$HOME/.ray/tls}
haproxy=${PRECEPTOR_HAPROXY:-$HOME/.ray/h}
mkdir -p "$haproxy"
ports=(
  --node-ip-address="$address" --node-manager-port=6800 --object-manager-port=6801 --dashboard-agent-grpc-port=6802
  --runtime-env-agent-port=6803 --dashboard-agent-listen-port=52365 --metrics-export-port=8080
  --min-worker-port=10002 --max-worker-port=10401 --disable-usage-stats
)

export RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0 HF_HUB_OFFLINE=1 TRANSFORMERS_OFFLINE=1
export PRECEPTOR_MODE=${PRECEPTOR_MODE:-production} PYTHONPATH=$PWD PATH=$PWD/.venv/bin:$PATH
settings=$("$python" -m deployments.throughput "$haproxy")
while IFS='=' read -r name value; do # what the node's own settings say already wins
  [ -n "${!name+set}" ] || export "$name=$value"
done <<<"$settings"
export RAY_USE_TLS=1 RAY_TLS_SERVER_CERT=$tls/tls.crt RAY_TLS_SERVER_KEY=$tls/tls.key RAY_TLS_CA_CERT=$tls/ca.crt

[ -n "${RAY_AUTH_TOKEN:-}" ] || [ -s "${RAY_AUTH_TOKEN_PATH:-$HOME/.ray/auth_token}" ] || {
  echo "node.sh: no token of Ray: copy the cluster's to ~/.ray/auth_token, mode 0600" >&2
  exit 2
}
"$python" -m deployments.node_certificate issue --authority "${PRECEPTOR_AUTHORITY:-$HOME/.preceptor-authority}" \
  --out "$tls" --name "$address" --name "$(uname -n)"

case $role in
  head) exec "$python" -m ray.scripts.scripts start --head --port=6379 --dashboard-host=127.0.0.1 \
    --dashboard-port=8265 "${ports[@]}" "$@" ;;
  worker)
    head=${1:?the address of the head}
    shift
    case $head in *:*) ;; *) head=$head:6379 ;; esac
    exec "$python" -m ray.scripts.scripts start --address="$head" "${ports[@]}" "$@"
    ;;
  *)
    echo "node.sh: expected head or worker, came $role" >&2
    exit 2
    ;;
esac
