#!/usr/bin/env bash
# Verify the evidence of one document with bash, openssl and sha256sum alone. Each check follows FORMAT.md.
# 只用 bash、openssl 与 sha256sum 核验一份证据，逐条对应 FORMAT.md。
#
#   bash docs/verify-by-hand.sh EVIDENCE DOCUMENT POLICY
#
# EVIDENCE  NAME.hefu.json; cut it out of a bundle with `hefu extract`
# POLICY    the log's key, from a source of your own, its fingerprint compared elsewhere
#
# Exit 0: every line is OK. Exit 1: the first check that failed. Not checked: witnesses, timestamps, later reports of
# a stolen key, and a statement that two keys signed; `hefu verify` checks these.
set -eu
[ $# -eq 3 ] || { echo 'usage: verify-by-hand.sh EVIDENCE DOCUMENT POLICY' >&2; exit 2; }
evidence=$1 document=$2 policy=$3
export LC_ALL=C.UTF-8
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT

bin()    { printf '%b' "$(sed 's/../\\x&/g')"; }                      # hex -> bytes
hex()    { od -An -vtx1 | tr -d ' \n'; }                              # bytes -> hex
sha()    { sha256sum | cut -c1-64; }
hmac()   { openssl dgst -sha256 -mac HMAC -macopt "hexkey:$1" | sed 's/.* //'; }
leaf()   { { printf '\0'; cat; } | sha; }                             # RFC 6962: SHA-256(00 || data)
node()   { printf '01%s%s' "$1" "$2" | bin | sha; }                   # SHA-256(01 || left || right)
plain()  { printf '%b' "$(sed 's/\\"/"/g')"; }                        # JSON string -> text
part()   { grep -oE "\"$1\":\"([^\"\\\\]|\\\\.)*\"" "${2:-$evidence}" | head -n 1 | sed "s/^\"$1\":\"//; s/\"\$//" | plain; }
number() { grep -oE "\"$1\":[0-9]+" "$2" | head -n 1 | cut -d: -f2; }
hashes() { grep -oE "\"$1\":\[[^]]*\]" "$evidence" | head -n 1 | grep -oE '[0-9a-f]{64}' || true; }
record() { sed -n "$1p" "$work/records" | sed 's/^"//; s/"$//' | plain; }
shown()  { part "$1" "$2" | tr -d '\000-\037\177'; }                  # fit for a terminal
same()   { if [ "$1" = "$2" ]; then echo "OK  $3"; else echo "FAILED  $3: $1 / $2"; exit 1; fi; }

root() {                                                              # leaf, index, size, path: RFC 9162 2.1.3.2
  local r=$1 i=$2 n=$(($3 - 1)) h
  shift 3
  for h; do
    if ((i & 1 || i == n)); then r=$(node "$h" "$r"); while ((!(i & 1) && i)); do i=$((i >> 1)) n=$((n >> 1)); done
    else r=$(node "$r" "$h"); fi
    i=$((i >> 1)) n=$((n >> 1))
  done
  echo "$r"
}

signed() {                                                            # note, vkey: Ed25519 over the note's text
  sed '/^$/,$d' "$1" > "$work/text"
  grep "^— ${2%%+*} " "$1" | sed 's/.* //' | while read -r line; do   # the line that begins with the key's id
    printf %s "$line" | openssl base64 -d -A > "$work/line"
    [ "$(head -c 4 "$work/line" | hex)" != "$(cut -d+ -f2 <<< "$2")" ] || tail -c +5 "$work/line"
  done > "$work/signature"
  { printf 302a300506032b6570032100 | bin; printf %s "${2#*+*+}" | openssl base64 -d -A | tail -c 32; } > "$work/key"
  same "$(openssl pkeyutl -verify -pubin -keyform DER -inkey "$work/key" -rawin -in "$work/text" -sigfile "$work/signature")" \
    'Signature Verified Successfully' "$3"
}

deposit_number() {                                                    # prefix, seq: GB 32100's check character
  local alphabet=0123456789ABCDEFGHJKLMNPQRTUWXY body sum=0 weight=1 i before
  body=$1$(printf %012d "$2")
  for ((i = 0; i < ${#body}; i++)); do
    before=${alphabet%%"${body:i:1}"*}
    sum=$((sum + ${#before} * weight)) weight=$((weight * 3 % 31))
  done
  echo "$body${alphabet:$(((31 - sum % 31) % 31)):1}"
}

# 1. The document is the one on the card. The card's three sections, each under its nonce, give the commitment.
grep -oE '"(circumstances|document|label)":\{[^}]*"text":"([^"\\]|\\.)*"\}' "$evidence" > "$work/sections"
commitment=
for name in document label circumstances; do
  grep "^\"$name\"" "$work/sections" > "$work/section"
  part text "$work/section" > "$work/$name"
  commitment+=$(hmac "$(part nonce "$work/section")" < "$work/$name")
done
same "$(sha < "$document")" "$(part sha-256 "$work/document")" 'the document is the one on the card 原件与卡片一致'
commitment=$({ printf 'hefu-card/v1\n'; printf %s "$commitment" | bin; } | sha)

# 2. The commitment is in the statement, which the depositor's enrolled key signed.
part statement > "$work/statement"; part acknowledgement > "$work/acknowledgement"; part proof > "$work/proof"
grep -oE '"records":\[.*\],"statement"' "$evidence" | grep -oE '"\{([^"\\]|\\.)*"' > "$work/records"
record 1 > "$work/genesis"; record 2 > "$work/enrolment"; part possession "$work/enrolment" > "$work/possession"
index=$(sed 's/.*,"index":\([0-9]*\),"path".*/\1/' "$evidence")
same "$(root "$(printf %s "$commitment" | bin | leaf)" "$index" "$(number count "$work/statement")" $(hashes path))" \
  "$(part root "$work/statement")" 'the commitment is in the statement 承诺在声明内'
same "$(part origin "$work/document") $(part depositor "$work/document")" \
  "$(part origin "$work/statement") $(part depositor "$work/statement")" 'the card is of that depositor 卡片属于该主体'
same "$(part vkey "$work/possession" | cut -d+ -f1)" \
  "$(part origin "$work/statement")/depositor/$(part depositor "$work/statement")" "the key is that depositor's 密钥属于该主体"
signed "$work/statement" "$(part vkey "$work/possession")" 'the depositor signed the statement 主体签署了声明'

# 3. The identity shown is the one that the enrolment commits to. Evidence may leave it out.
grep -oE '"identity":\{"nonce":"[0-9a-f]{64}","text":"([^"\\]|\\.)*"\}' "$evidence" > "$work/opened" || true
if [ -s "$work/opened" ]; then
  part text "$work/opened" > "$work/identity"
  same "$(hmac "$(part nonce "$work/opened")" < "$work/identity")" "$(part identity "$work/enrolment")" \
    'the identity is the one enrolled 身份与登记一致'
fi

# 4. The service accepted that statement, and signed for it.
same "$(sha < "$work/statement")" "$(part statement "$work/acknowledgement")" 'the acknowledgement is of that statement 回执针对该声明'
same "$(part depositor "$work/acknowledgement")" "$(part depositor "$work/statement")" 'the acknowledgement is to that depositor 回执给该主体'
signed "$work/acknowledgement" "$(part acknowledgement "$work/genesis")" 'the service signed the acknowledgement 服务签署了回执'

# 5. The acceptance is in the batch, and every record up to the batch is in the ledger under the signed checkpoint.
batch=$(grep -nF '\"type\":\"batch\"' "$work/records" | head -n 1 | cut -d: -f1)
record "$batch" > "$work/batch"
seq=$(number seq "$work/acknowledgement"); first=$(number first_seq "$work/batch")
sed '/^$/,$d' "$work/acknowledgement" > "$work/acceptance"
same "$(root "$(leaf < "$work/acceptance")" $((seq - first)) "$(number count "$work/batch")" $(hashes batch_path))" \
  "$(part sha-256 "$work/batch")" 'the acceptance is in the batch 受理在批次内'
sed '1,/^$/d' "$work/proof" > "$work/checkpoint"
size=$(sed -n 2p "$work/checkpoint"); top=$(sed -n 3p "$work/checkpoint" | openssl base64 -d -A | hex)
path=$(sed '/^$/,$d' "$work/proof" | sed 1,2d | while read -r hash; do printf %s "$hash" | openssl base64 -d -A | hex; echo; done)
same "$(root "$(leaf < "$work/batch")" "$(sed -n 's/^index //p' "$work/proof")" "$size" $path)" "$top" \
  'the batch record is in the ledger 批次条目在账本内'
grep -oE '"paths":\[(\[[^]]*\],?)*' "$evidence" | head -n 1 | grep -oE '\[[0-9a-f",]*\]' > "$work/paths"
for ((n = 1; n < batch; n++)); do                                     # genesis, and each enrolment and key record
  record "$n" > "$work/record"
  same "$(root "$(leaf < "$work/record")" "$(number index "$work/record")" "$size" \
    $(sed -n "${n}p" "$work/paths" | grep -oE '[0-9a-f]{64}'))" "$top" "record $n is in the ledger 条目 $n 在账本内"
done
trusted=$(awk -v name="$(sed -n 1p "$work/checkpoint")+" \
  '$1 == "log" && index($2, name) == 1 && $2 ~ /^[^+]+[+][0-9a-f]+[+]A[Q-Za-f]/ { print $2; exit }' "$policy") # of type 01
signed "$work/checkpoint" "$trusted" "the log's trusted key signed the checkpoint 可信的账本密钥签署了检查点"

# All of it held: who, when, and under which number.
echo
if [ -s "$work/opened" ]; then
  echo "who    主体     $(shown name "$work/identity") $(shown uscc "$work/identity") (verified by 核验人 $(shown verified_by "$work/identity"))"
else
  echo "who    主体     $(shown depositor "$work/statement") (no identity is shown 未出示身份)"
fi
echo "number 存证编号 $(deposit_number "$(part number_prefix "$work/genesis")" "$seq")"
echo "when   时间     received 接收 $(shown received_at "$work/acknowledgement"), the service's word 由服务保证"
echo "                sealed 入账 $(shown recorded_at "$work/batch"), the ledger's word 由账本保证"
