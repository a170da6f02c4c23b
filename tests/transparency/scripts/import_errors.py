import importlib, sys, os, traceback, tempfile
folder = tempfile.mkdtemp()
sys.path.insert(0, folder)
sys.dont_write_bytecode = True
open(os.path.join(folder, "bad_syntax.py"), "w").write("x = (\n")
open(os.path.join(folder, "raises.py"), "w").write("for i in range(2):\n    1/0\n")
open(os.path.join(folder, "imports_missing.py"), "w").write("import surely_not_there\n")
for name in ("bad_syntax", "raises", "imports_missing", "surely_not_there"):
    try:
        exec(f'import {name}')
    except Exception:
        print(traceback.format_exc().replace(folder, "FOLDER"))
import shutil
shutil.rmtree(folder)
