#!/usr/bin/env bash
# Trains two ranks on two hosts that are network namespaces, joined by a pair of virtual links. Needs root, iproute2 and openmpi-bin.
set -euo pipefail
cd "$(dirname "$0")/.."
room=$(mktemp -d -t gyre-hosts.XXXXXX)
first=gyre-first-$$ second=gyre-second-$$
end() {
  for name in "$first" "$second"; do ip netns del "$name" 2> /dev/null || true; done
  rm -rf "$room"
}
trap end EXIT
for name in "$first" "$second"; do
  ip netns add "$name"
  ip -n "$name" link set lo up
done
ip link add link0 netns "$first" type veth peer name link0 netns "$second"
ip -n "$first" addr add 10.99.0.1/24 dev link0
ip -n "$second" addr add 10.99.0.2/24 dev link0
for name in "$first" "$second"; do ip -n "$name" link set link0 up; done
# stands for ssh: HOST COMMAND...
cat > "$room/agent" << EOF
#!/usr/bin/env bash
host=\$1
shift
name=$second
[ "\$host" != 10.99.0.1 ] || name=$first
exec ip netns exec "\$name" unshare --uts sh -c "hostname \$name; \$*"
EOF
chmod +x "$room/agent"
gyre=(node --import tsx --conditions @gyre/source packages/cli/src/bin.ts)
for index in $(seq 400); do echo "We the people hold truth $((index % 7)) dear."; done > "$room/text.txt"
"${gyre[@]}" prepare "$room/text.txt" "$room/data" --tokenizer bytes > /dev/null 2>&1
net="--mca plm_rsh_agent $room/agent --mca pml ob1 --mca btl tcp,self --mca btl_tcp_if_include 10.99.0.0/24 --mca oob_tcp_if_include 10.99.0.0/24"
# shellcheck disable=SC2086
ip netns exec "$first" unshare --uts sh -c 'hostname "$0"; exec "$@"' "$first" timeout 120 \
  mpirun --allow-run-as-root --host 10.99.0.1,10.99.0.2 --map-by node $net -n 2 \
  "${gyre[@]}" train "$room/data" --out "$room/run" --width 16 --heads 2 --mlp 32 --context 16 --layers 1 --loops 3 --threads 1 \
  --steps 100 --batch 2 --micro-batches 2 --warmup-steps 4 --eval-every 0 2>&1 | tee "$room/log"
grep -q "on 2 ranks" "$room/log" && grep -q "^done: 100 steps" "$room/log" || { echo "0 passed, 1 failed"; exit 1; }
echo "sent by $second: $(ip netns exec "$second" cat /proc/net/dev | awk '/link0/ {print $10}') bytes"
echo "1 passed, 0 failed"
