/**
 * The shell side of detached jobs. Everything here is constant text that reads variables; it runs in dash and
 * bash with what a Debian, Ubuntu or Amazon Linux base system has (coreutils, grep, util-linux, /proc).
 *
 * A job's folder holds: `script` what is run · `supervise` the text below · `status` boot id, and pid and start
 * time of supervisor and child · `output` both streams · `exit` how it ended · the markers `stop` (asked to end)
 * and `timedout`. All of them come about by renaming a file whose space was taken at the start: whole, decided
 * once, and on a full disk too.
 */

/** Functions that every job script begins with; they need `_sw_root` and `_sw_id`. */
const LIBRARY = `
: "\${_sw_umask:=$(umask)}"
umask 077
case $_sw_root in /*) ;; *) _sw_root=$HOME/$_sw_root ;; esac
_sw_dir=$_sw_root/$_sw_id

# _sw_stat PID: sets _sw_state, _sw_session and _sw_start from /proc; fails when the process is gone.
_sw_stat() {
  { read -r _sw_line < "/proc/$1/stat"; } 2>/dev/null || return 1
  set -- \${_sw_line##*") "}
  _sw_state=$1; _sw_session=$4; _sw_start=\${20}
  case $_sw_state in Z|X|x) return 1 ;; esac
}

# _sw_alive PID START: whether that very process lives, and not another that got its number later.
_sw_alive() { [ -n "$1" ] && _sw_stat "$1" && [ "$_sw_start" = "$2" ]; }

_sw_boot() { { read -r _sw_boot_id < /proc/sys/kernel/random/boot_id; } 2>/dev/null || _sw_boot_id=none; }

# Reads the status file; fails when there is none.
_sw_read_status() {
  _sw_was_boot=; _sw_sup=; _sw_sup_start=; _sw_child=; _sw_child_start=; _sw_timer=
  { read -r _sw_was_boot _sw_sup _sw_sup_start _sw_child _sw_child_start _sw_timer < "$_sw_dir/status"
  } 2>/dev/null
  [ -n "$_sw_sup_start" ]
}

# The processes of the job: those of the child's session, and those that carry the job's mark.
_sw_processes() {
  _sw_found=
  _sw_of=$_sw_child
  if [ -n "$_sw_of" ] && _sw_stat "$_sw_of" && [ "$_sw_start" != "$_sw_child_start" ]; then _sw_of=; fi
  for _sw_file in /proc/[0-9]*; do
    if [ -n "$_sw_of" ] && _sw_stat "\${_sw_file#/proc/}" && [ "$_sw_session" = "$_sw_of" ]; then
      _sw_found="$_sw_found \${_sw_file#/proc/}"
    fi
  done
  for _sw_file in $(grep -lF "SLIPWAY_JOB=$_sw_id" /proc/[0-9]*/environ 2>/dev/null); do
    _sw_file=\${_sw_file%/environ}; _sw_file=\${_sw_file#/proc/}
    case "$_sw_found " in *" $_sw_file "*) ;; *) _sw_stat "$_sw_file" && _sw_found="$_sw_found $_sw_file" ;; esac
  done
}

# _sw_signal NAME: to every process of the job; what sudo started may need sudo to end.
_sw_signal() {
  _sw_processes
  [ -n "$_sw_found" ] || return 0
  for _sw_pid in $_sw_found; do
    kill "-$1" "$_sw_pid" 2>/dev/null && continue
    _sw_stat "$_sw_pid" && command -v sudo >/dev/null 2>&1 && sudo -n kill "-$1" "$_sw_pid" 2>/dev/null
  done
  return 0
}

# _sw_clock: sets _sw_seconds, whole seconds of a clock that nobody sets.
_sw_clock() { { read -r _sw_seconds _sw_idle < /proc/uptime; } 2>/dev/null; _sw_seconds=\${_sw_seconds%%.*}; }

# _sw_end: TERM, up to five seconds, KILL; fails when something survives even that.
_sw_end() {
  _sw_signal TERM
  _sw_clock; _sw_until=$((_sw_seconds+5))
  while [ -n "$_sw_found" ] && [ "$_sw_seconds" -lt "$_sw_until" ]; do sleep 0.1; _sw_processes; _sw_clock; done
  _sw_until=$((_sw_seconds+3))
  while [ -n "$_sw_found" ] && [ "$_sw_seconds" -lt "$_sw_until" ]; do
    _sw_signal KILL; sleep 0.1; _sw_processes; _sw_clock
  done
  [ -z "$_sw_found" ]
}

# _sw_record CODE: how the job ended, into space that was taken at the start, then made visible at once. A disk with
# less room than the probe takes is full: what earlier jobs had left may have been cleared away since it was met.
_sw_record() {
  _sw_full=0
  { printf '%262144s' x > "$_sw_dir/probe"; } 2>/dev/null || _sw_full=1
  rm -f "$_sw_dir/probe"
  _sw_timed=0; [ ! -e "$_sw_dir/timedout" ] || _sw_timed=1
  _sw_stopped=0; [ ! -e "$_sw_dir/stop" ] || _sw_stopped=1
  printf '%-99s\\n' "$1 $_sw_timed $_sw_stopped $_sw_full" 1<>"$_sw_dir/exit.new"
  mv "$_sw_dir/exit.new" "$_sw_dir/exit"
}

# _sw_tell: one line, what is known of the job.
_sw_tell() {
  if [ ! -d "$_sw_dir" ]; then echo absent; return; fi
  _sw_n=0
  while [ ! -e "$_sw_dir/status" ] && [ ! -e "$_sw_dir/exit" ] && [ ! -d "$_sw_dir/tombstone" ]; do
    if [ $_sw_n -ge 50 ]; then echo "lost nostatus"; return; fi
    sleep 0.1; _sw_n=$((_sw_n+1))
  done
  if [ ! -e "$_sw_dir/exit" ] && _sw_read_status; then
    _sw_boot
    if [ "$_sw_was_boot" != "$_sw_boot_id" ]; then echo "lost boot"; return; fi
    if _sw_alive "$_sw_sup" "$_sw_sup_start"; then echo "running $_sw_sup $_sw_timer"; return; fi
    if _sw_alive "$_sw_child" "$_sw_child_start"; then echo "running $_sw_child $_sw_child"; return; fi
  fi
  if [ -e "$_sw_dir/exit" ]; then
    read -r _sw_line < "$_sw_dir/exit"
    echo "exited $_sw_line"
  elif [ -d "$_sw_dir/tombstone" ]; then echo stopped
  else echo "lost gone"; fi
}
`;

/** What keeps watch over one job: starts it in a session of its own, ends it in time, writes how it ended. */
const SUPERVISE = `
_sw_stat $$; _sw_mine=$_sw_start; _sw_boot
# _sw_note FILE PID START TIMER: the status, whole or not at all.
_sw_note() {
  printf '%-199s\\n' "$_sw_boot_id $$ $_sw_mine $2 $3 $4" 1<>"$_sw_dir/$1"
  mv "$_sw_dir/$1" "$_sw_dir/status"
}
_sw_note status.1 "" "" ""
if [ -e "$_sw_dir/stop" ]; then _sw_record 143; exit; fi
SLIPWAY_JOB=$_sw_id SLIPWAY_JOB_FILES=$_sw_dir/files setsid /bin/sh -c '
  eval "$_sw_env"
  if [ -n "$_sw_cwd" ]; then cd -- "$_sw_cwd" || exit 1; fi
  umask "$_sw_umask"
  unset _sw_env _sw_cwd _sw_root _sw_id _sw_timeout _sw_umask
  exec /bin/sh -e "$1"' sh "$_sw_dir/script" </dev/null >>"$_sw_dir/output" 2>&1 &
_sw_child=$!
_sw_stat "$_sw_child" && _sw_child_start=$_sw_start || _sw_child_start=0
unset _sw_env
# Whether the job ended by itself or its time was over is decided by who renames "claim" first.
(
  # A job that ends at once ends its timer before that knows what it waits for.
  _sw_over=; trap '_sw_over=1' TERM
  sleep "$_sw_timeout" & _sw_sleep=$!
  trap 'kill "$_sw_sleep" 2>/dev/null; exit' TERM
  if [ -n "$_sw_over" ]; then kill "$_sw_sleep" 2>/dev/null; exit; fi
  wait "$_sw_sleep"
  trap '' TERM
  mv "$_sw_dir/claim" "$_sw_dir/timedout" 2>/dev/null && _sw_end
) &
_sw_timer=$!
_sw_note status.2 "$_sw_child" "$_sw_child_start" "$_sw_timer"
if [ -e "$_sw_dir/stop" ]; then _sw_end; fi
wait "$_sw_child"; _sw_code=$?
mv "$_sw_dir/claim" "$_sw_dir/ended" 2>/dev/null || wait "$_sw_timer"
_sw_record "$_sw_code"
# Followers wait for the end of the timer: the only one of these processes that is surely reaped.
kill "$_sw_timer" 2>/dev/null
wait "$_sw_timer"
`;

/**
 * Starts the job, or finds that it was started before. The first line of its output is one of
 * `started`, `failed REASON` (nothing was started, and nothing is left), or what `_sw_tell` says.
 * Besides the library's variables: `_sw_script`, `_sw_supervise`, `_sw_env`, `_sw_cwd`, `_sw_timeout` (seconds).
 */
export const START = `${LIBRARY}
_sw_lc=\${LC_ALL-}
LC_ALL=C
if ! _sw_err=$(mkdir -p "$_sw_root" 2>&1); then echo "failed $_sw_err"; exit; fi
if ! _sw_err=$(mkdir "$_sw_dir" 2>&1); then
  if [ -d "$_sw_dir" ]; then _sw_tell; else echo "failed $_sw_err"; fi
  exit
fi
_sw_put() { { printf "$1" "$2" > "$_sw_dir/$3"; } 2>/dev/null; }
if ! { _sw_put '%-99s\\n' '' exit.new && _sw_put '%-199s\\n' '' status.1 && _sw_put '%-199s\\n' '' status.2 &&
  _sw_put %s x claim && _sw_put %s x stop.new &&
  _sw_put %s "$_sw_script" script && _sw_put %s "$_sw_supervise" supervise && _sw_put '' '' output; }; then
  _sw_err=$(dd if=/dev/zero of="$_sw_dir/output" bs=65536 count=1 2>&1 | head -n 1)
  rm -rf "$_sw_dir"
  echo "failed $_sw_err"
  exit
fi
unset _sw_script _sw_supervise
export _sw_umask
if [ -n "$_sw_lc" ]; then LC_ALL=$_sw_lc; else unset LC_ALL; fi
setsid /bin/sh "$_sw_dir/supervise" </dev/null >/dev/null 2>&1 &
_sw_n=0
while [ ! -e "$_sw_dir/status" ] && [ ! -e "$_sw_dir/exit" ] && [ $_sw_n -lt 250 ]; do
  sleep 0.02; _sw_n=$((_sw_n+1))
done
echo started
`;

/** The text of a job's `supervise` file. */
export const SUPERVISE_FILE = `${LIBRARY}${SUPERVISE}`;

/** Says what is known of the job. */
export const TELL = `${LIBRARY}
_sw_tell
`;

/**
 * Writes the job's output from byte `_sw_offset` on to standard output until the job has ended, and then to
 * standard error a line `slipway-job SIZE STATE…`. Following ends with the job, so that a follower whose reader
 * is gone does not outlive it. With `_sw_piece` it waits for nothing and writes so many bytes at most.
 */
export const FOLLOW = `${LIBRARY}
_sw_now=$(_sw_tell)
set -- $_sw_now
[ -z "$_sw_piece" ] || set -- piece
_sw_n=0
while [ "$1" = running ] && [ -z "\${3-}" ] && [ $_sw_n -lt 40 ]; do
  # Just started: its timer is not noted yet.
  sleep 0.05; _sw_n=$((_sw_n+1)); _sw_now=$(_sw_tell); set -- $_sw_now
done
case $1 in
  running)
    tail -c "+$((_sw_offset+1))" -s 0.05 --pid="\${3:-$2}" -f "$_sw_dir/output" 2>/dev/null &
    _sw_tail=$!
    # A supervisor that was killed cannot end its timer, and without an init process it stays a zombie.
    ( trap 'kill "$_sw_sleep" 2>/dev/null; exit' TERM
      while _sw_stat "$2"; do sleep 2 & _sw_sleep=$!; wait "$_sw_sleep"; done
      sleep 1; kill "$_sw_tail" ) >/dev/null 2>&1 &
    _sw_watch=$!
    wait "$_sw_tail"
    kill "$_sw_watch" 2>/dev/null
    _sw_now=$(_sw_tell) ;;
  piece) [ ! -e "$_sw_dir/output" ] || tail -c "+$((_sw_offset+1))" "$_sw_dir/output" | head -c "$_sw_piece" ;;
  *) [ ! -e "$_sw_dir/output" ] || tail -c "+$((_sw_offset+1))" "$_sw_dir/output" ;;
esac
_sw_size=0
[ ! -e "$_sw_dir/output" ] || _sw_size=$(wc -c < "$_sw_dir/output")
echo "slipway-job" $_sw_size "$_sw_now" >&2
`;

/**
 * Ends the job, or makes sure that it will never begin. Says `gone` and what is known of the job, or
 * `survives` and the process numbers.
 */
export const STOP = `${LIBRARY}
if ! _sw_err=$(LC_ALL=C mkdir -p "$_sw_root" 2>&1); then echo "failed $_sw_err"; exit; fi
if _sw_err=$(LC_ALL=C mkdir "$_sw_dir" 2>&1); then
  mkdir "$_sw_dir/tombstone"; echo "gone stopped"; exit
elif [ ! -d "$_sw_dir" ]; then echo "failed $_sw_err"; exit; fi
_sw_now=$(_sw_tell)
case $_sw_now in exited*|stopped|"lost boot") echo "gone $_sw_now"; exit ;; esac
# The marker comes before reading the status, as the supervisor reads it after writing the status:
# one of the two sees the other, so a job that is just starting does not slip through.
mv "$_sw_dir/stop.new" "$_sw_dir/stop" 2>/dev/null || mkdir "$_sw_dir/stop" 2>/dev/null
_sw_read_status
_sw_n=0
while _sw_end; do
  # The supervisor ends by itself once its child is gone; one that does not is ended too.
  _sw_alive "$_sw_sup" "$_sw_sup_start" || break
  [ $_sw_n -lt 20 ] || kill -KILL "$_sw_sup" 2>/dev/null
  sleep 0.05; _sw_n=$((_sw_n+1)); _sw_read_status
  [ $_sw_n -lt 60 ] || break
done
_sw_processes
if [ -n "$_sw_found" ]; then echo "survives$_sw_found"; exit; fi
if [ -n "$_sw_sup" ] && _sw_alive "$_sw_sup" "$_sw_sup_start"; then echo "survives $_sw_sup"; exit; fi
[ -e "$_sw_dir/exit" ] || [ ! -e "$_sw_dir/exit.new" ] || _sw_record 143
echo "gone $(_sw_tell)"
`;

/**
 * Empties the folder of a job that has ended. What tells that it was there, and how it ended, stays, so that
 * it can never begin again; such rests go after 30 days.
 */
export const CLEAN = `${LIBRARY}
case $(_sw_tell) in running*) echo running; exit ;; absent) echo clean; exit ;; esac
rm -rf "$_sw_dir/output" "$_sw_dir/script" "$_sw_dir/supervise" "$_sw_dir/files" "$_sw_dir"/status.?
for _sw_file in exit.new claim stop.new; do rm -f "$_sw_dir/$_sw_file"; done
find "$_sw_root" -mindepth 1 -maxdepth 1 -type d -mtime +30 ! -name "$_sw_id" -exec rm -rf {} + 2>/dev/null
echo clean
`;
