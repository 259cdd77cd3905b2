"""The style sheet of every page."""

from vo_frontend import palette

STYLE = f"""
:root {{ color-scheme: light; }}
* {{ box-sizing: border-box; }}
body {{ margin: 0; background: #f4f5f7; color: #1c1f23;
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif; }}
main {{ max-width: 1180px; margin: 0 auto; padding: 28px 20px 60px; }}
h1 {{ font-size: 24px; margin: 0; }}
h2 {{ font-size: 17px; margin: 0 0 10px; }}
h3 {{ font-size: 15px; margin: 16px 0 4px; }}
p {{ margin: 0 0 8px; max-width: 85ch; }}
.quiet {{ color: #5b6169; margin-bottom: 16px; }}
section, .banner {{ background: #fff; border: 1px solid #e1e4e8; border-radius: 8px; padding: 18px 20px;
  margin: 16px 0; }}
.banner {{ border-left: 8px solid; }}
.banner h2 {{ font-size: 20px; margin-bottom: 4px; }}
.worked {{ border-left-color: {palette.GREEN}; }}
.losses {{ border-left-color: {palette.ORANGE}; }}
.failed {{ border-left-color: {palette.VERMILION}; }}
ul {{ margin: 8px 0 0; padding-left: 20px; max-width: 95ch; }}
li {{ margin: 4px 0; }}
figure {{ margin: 10px 0; }}
figure img {{ display: block; max-width: 100%; max-height: 880px; margin: 0 auto; }}
figcaption {{ color: #5b6169; font-size: 13.5px; margin-top: 6px; }}
.tiles {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; }}
.tile {{ background: #fff; border: 1px solid #e1e4e8; border-radius: 8px; padding: 12px 14px; }}
.tile .name {{ color: #5b6169; font-size: 13px; }}
.tile .value {{ font-size: 21px; font-weight: 600; font-variant-numeric: tabular-nums; }}
.tile .value span {{ font-size: 13px; font-weight: 400; color: #5b6169; }}
.scroll {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-size: 14px; font-variant-numeric: tabular-nums; }}
th {{ text-align: left; color: #5b6169; font-weight: 500; }}
th, td {{ padding: 4px 18px 4px 0; border-bottom: 1px solid #edeff2; white-space: nowrap; }}
td.number {{ text-align: right; }}
pre {{ background: #f4f5f7; border-radius: 6px; padding: 10px 12px; overflow-x: auto; font-size: 13px; }}
summary {{ cursor: pointer; }}
@media print {{ body {{ background: #fff; }} section {{ break-inside: avoid; }} }}
"""
