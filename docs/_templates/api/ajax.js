// Takes the place of pydoctor's ajax.js. A page that was opened from a file cannot read
// other files, but it can load scripts. tests/make_api.py makes a script of each file
// that the search reads.

const _cache = {};

function httpGetPromise(url) {
  _cache[url] ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = `${url}.js`;
    script.onload = () => resolve(_texts[url]);
    script.onerror = () => reject(new Error(`${script.src} cannot be read`));
    document.head.append(script);
  });
  return _cache[url];
}

const _texts = {};
