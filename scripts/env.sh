# Source this to put the pinned Node and pnpm of .cache/ on PATH in a shell of your own.
_root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
eval "$(node -e "import('$_root/scripts/toolchain.mjs').then(({toolchain: t})=>console.log('export PATH=\"'+t().env.PATH+'\"; pnpm() { node '+t().pnpm+' \"\$@\"; }'))")"
unset _root
