#!/usr/bin/env bash
# Tries recipes/slurm and gyre sweep --slurm with a Slurm of its own: munged, slurmctld and one slurmd on this machine, in a folder that is deleted at the end.
# Needs root, and of Debian slurm-wlm, libpmix-dev (srun opens libpmix.so), munge and openmpi-bin; --install installs them. It touches no Slurm that is there already.
set -euo pipefail
cd "$(dirname "$0")/.."
if [ "${1:-}" = --install ]; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends slurm-wlm slurm-wlm-basic-plugins libpmix-dev munge openmpi-bin
fi
for command in munged slurmctld slurmd sbatch mpirun; do
  command -v "$command" > /dev/null || { echo "$command is missing: install slurm-wlm, munge and openmpi-bin, or pass --install" >&2; exit 1; }
done
[ "$(id -u)" = 0 ] || { echo "slurmd starts jobs as their users: run this as root" >&2; exit 1; }

room=$(mktemp -d -t gyre-slurm.XXXXXX)
pids=()
end() {
  scancel --quiet --user=root 2> /dev/null || true
  for pid in "${pids[@]}"; do kill "$pid" 2> /dev/null || true; done
  wait 2> /dev/null || true
  rm -rf "$room"
}
trap end EXIT
mkdir -p "$room"/{state,spool,munge}
chmod 755 "$room"
chmod 700 "$room/munge"
(umask 077; dd if=/dev/urandom of="$room/munge/key" bs=1024 count=1 status=none)
export SLURM_CONF=$room/slurm.conf
host=$(hostname -s)
cat > "$SLURM_CONF" << EOF
ClusterName=gyre
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=16817
SlurmdPort=16818
SlurmUser=root
AuthType=auth/munge
AuthInfo=socket=$room/munge/socket
CredType=cred/munge
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
StateSaveLocation=$room/state
SlurmdSpoolDir=$room/spool
SlurmctldPidFile=$room/slurmctld.pid
SlurmdPidFile=$room/slurmd.pid
SlurmctldLogFile=$room/slurmctld.log
SlurmdLogFile=$room/slurmd.log
ReturnToService=2
MinJobAge=3600
NodeName=$host NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
EOF
munged --foreground --force --key-file="$room/munge/key" --socket="$room/munge/socket" --pid-file="$room/munge/pid" \
  --log-file="$room/munge/log" --seed-file="$room/munge/seed" > /dev/null 2>&1 &
pids+=($!)
until [ -S "$room/munge/socket" ]; do sleep 0.2; done
slurmctld -D > /dev/null 2>&1 &
pids+=($!)
slurmd -D -N "$host" > /dev/null 2>&1 &
pids+=($!)
for _ in $(seq 60); do
  [ "$(sinfo --noheader --format=%t 2> /dev/null)" = idle ] && break
  sleep 1
done
echo "$(sinfo --version), $(mpirun --version | head -1), srun --mpi: $(srun --mpi=list 2>&1 | tr -s '\n\t ' ' ')"
sinfo

failed=0
passed=0
check() { # check NAME FILE PATTERN
  if grep -sqE "$3" "$2"; then passed=$((passed + 1)); echo "passed: $1"; else
    failed=$((failed + 1)); echo "failed: $1; $2 says:"; tail -n 20 "$2" || true
  fi
}
export GYRE="node --import tsx --conditions @gyre/source packages/cli/src/bin.ts"
for index in $(seq 400); do echo "We the people hold truth $((index % 7)) dear."; done > "$room/text.txt"
$GYRE prepare "$room/text.txt" "$room/data" --tokenizer bytes > /dev/null 2>&1
small=(--width 16 --heads 2 --mlp 32 --context 16 --layers 1 --loops 3 --batch 2 --warmup-steps 4 --eval-every 0)
train() { # train LOG STEPS SBATCH-OPTION...
  sbatch --parsable --output="$room/$1.log" "${@:3}" recipes/slurm/train.sbatch "$room/data" "$room/runs/$1" "${small[@]}" --steps "$2"
}

echo "== train.sbatch: two ranks"
train whole 100 --wait || true
check "two ranks train, and rank 0 alone speaks" "$room/whole.log" "100 steps of 4 x 16 tokens on 2 ranks"
check "to the end" "$room/whole.log" "^done: 100 steps"
cat "$room/whole.log"

echo "== train.sbatch: stopped by the signal that comes before the time limit, and submitted again"
job=$(train stopped 400)
until grep -q "step 1/400  loss" "$room/stopped.log" 2> /dev/null; do sleep 0.5; done
scancel --signal=USR2 "$job"
until [ -z "$(squeue --noheader --job "$job" 2> /dev/null)" ]; do sleep 0.5; done
check "USR2 saves and stops all ranks" "$room/stopped.log" "stopped and saved at step"
train stopped 400 --wait || true
check "the same command goes on" "$room/stopped.log" "on 2 ranks, from step [0-9]+"
check "to the end" "$room/stopped.log" "^done: 400 steps"
cat "$room/stopped.log"

echo "== train.sbatch: a rank is killed"
job=$(train killed 100000)
until grep -q "step 1/100000  loss" "$room/killed.log" 2> /dev/null; do sleep 0.5; done
kill -9 "$(sed -nE 's/.*"pid": ?([0-9]+).*/\1/p' "$room/runs/killed/lock")"
started=$SECONDS
until [ -z "$(squeue --noheader --job "$job" 2> /dev/null)" ]; do sleep 0.5; done
echo "the job ended $((SECONDS - started)) s after the kill: $(scontrol show job "$job" | grep -o 'JobState=[A-Z]*')"
scontrol show job "$job" > "$room/killed.state"
check "the job fails" "$room/killed.state" "JobState=FAILED"

echo "== array.sbatch: three learning rates"
printf '%s\n' "${small[*]} --steps 20 --learning-rate "{0.001,0.002,0.004} > "$room/rates.txt"
sbatch --parsable --wait --array=1-3 --output="$room/array-%a.log" recipes/slurm/array.sbatch "$room/data" "$room/runs/rates" "$room/rates.txt" || true
for index in 1 2 3; do check "run $index of the array" "$room/array-$index.log" "^done: 20 steps"; done
$GYRE runs "$room/runs/rates"

sweep() { # sweep LOG FILE: what the same command does each time it is started
  $GYRE sweep "$2" --out "$room/sweeps/$(basename "$2" .json)" --slurm > "$room/$1.log" 2>&1 || true
  cat "$room/$1.log"
}
job_of() { sed -nE 's/^job ([0-9]+):.*/\1/p' "$room/$1.log"; }
ended() { until [ -z "$(squeue --noheader --job "$(job_of "$1")" 2> /dev/null)" ]; do sleep 0.5; done; }

echo "== gyre sweep --slurm: four trials, of which the best goes on"
sweep first recipes/sweeps/tiny.json
check "an array of four tasks" "$room/first.log" "^job [0-9]+: 4 tasks; start this again"
sweep while recipes/sweeps/tiny.json
check "started while they run, it says how many are left" "$room/while.log" "^[1-4] tasks? of .* still wait or run"
ended first
sweep second recipes/sweeps/tiny.json
check "started again, it submits the best alone" "$room/second.log" "^job [0-9]+: 1 task; start this again"
ended second
sweep third recipes/sweeps/tiny.json
check "and at last it reports" "$room/third.log" "^best: trial-00[1-4], "
check "on the trial that went on first" "$room/sweeps/tiny/report.md" "\| trial-00[1-4] \|.*\| 40 \|"

echo "== gyre sweep --slurm: a task that is told of its time limit, and one that fails"
cat > "$room/limits.json" << EOF
{
  "data": "$room/data",
  "recipe": {
    "model": { "family": "loopformer", "layers": 1, "loops": 3, "width": 16, "heads": 2, "mlp": 32, "context": 16 },
    "training": { "steps": 2000, "batch": 2, "warmupSteps": 0, "clip": 0 }
  },
  "search": { "training.learningRate": [0.001, 1e30] }
}
EOF
sweep begun "$room/limits.json"
log=$room/sweeps/limits/logs/trial-001-seed-1.log
until grep -qs "step 1/2000  loss" "$log"; do sleep 0.2; done
scancel --signal=TERM --batch "$(job_of begun)_0"
ended begun
check "TERM, which comes a minute before the limit, saves and stops" "$log" "stopped and saved at step"
sweep rest "$room/limits.json"
check "what was stopped is submitted again, what failed is not" "$room/rest.log" "^job [0-9]+: 1 task; start this again"
ended rest
check "it goes on to its end" "$log" "^done: 2000 steps"
sweep told "$room/limits.json"
check "the report names the failure" "$room/told.log" "trial-002 .*failed: .*TRAIN_NOT_FINITE"
check "and what is best" "$room/told.log" "^best: trial-001, "
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
