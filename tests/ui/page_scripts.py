"""What a page is asked in JavaScript: for its figure, a place on it, and whether its picture is there."""

FIGURE = """(() => {
  for (const v of Bokeh.index.all_views()) if (v.model.type === 'Figure' && v.el.isConnected) return v
})()"""
PLACE = f"""([x, y]) => {{
  const figure = {FIGURE}, box = figure.canvas_view.events_el.getBoundingClientRect()
  return [box.left + figure.frame.x_scale.compute(x), box.top + figure.frame.y_scale.compute(y)]
}}"""
READY = f"""() => {{
  const figure = globalThis.Bokeh && {FIGURE}
  return figure && figure.frame && figure.frame.bbox.width > 20 && figure.model.renderers.length > 3
    && figure.model.renderers[0].data_source.data.image?.[0]?.length > 4
}}"""
WHAT_IS_SEEN = f"""() => {{
  const pierced = (root, selector) => [...root.querySelectorAll('*')].flatMap((one) =>
    [...(one.matches(selector) ? [one] : []), ...(one.shadowRoot ? pierced(one.shadowRoot, selector) : [])])
  globalThis.seen = []
  const look = () => {{
    const veil = pierced(document, '.veil').find((one) => one.querySelector('canvas'))
    const picture = ({READY.strip()})()
    const now = veil ? veil.textContent : picture ? 'picture' : 'nothing'
    if (globalThis.seen.at(-1) !== now) globalThis.seen.push(now)
    requestAnimationFrame(look)
  }}
  look()
}}"""
"""Notes in every frame of the screen what lies where the image is: the words over the picture before, a picture, or
nothing."""
